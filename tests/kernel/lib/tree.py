# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver inside a kernel's own source tree, as packaging/kernel-tree puts it there."""

import dataclasses
import functools
import pathlib
import shutil

from lib.outcome import TOP, Kernel, Outcome, complaints, fresh, linux_source, need, output_of, run

DRIVER = "drivers/misc/k7hsm"
PLANT = "planted.c"
# The least that the driver needs on x86-64, and what most kernels have.
OPTIONS = "64BIT PCI PCI_MSI MODULES SYSFS PRINTK BUG MULTIUSER SMP".split()
COMPILERS = {"gcc": [], "clang": ["CC=clang"]}


@dataclasses.dataclass(frozen=True)
class Tree:
    source: pathlib.Path
    output: pathlib.Path
    make: list[str]

    @property
    def driver(self) -> pathlib.Path:
        return self.source / DRIVER


def set_driver(tree: Tree, value: str) -> None:
    """Sets CONFIG_K7HSM, and sees that Kconfig takes it."""
    output_of(tree.source / "scripts/config", "--file", tree.output / ".config", "--set-val", "K7HSM", value)
    output_of(*tree.make, "olddefconfig")
    if f"CONFIG_K7HSM={value}\n" not in (tree.output / ".config").read_text(encoding="utf-8"):
        raise RuntimeError(f"Kconfig does not take CONFIG_K7HSM={value}: what the driver depends on is not met")


@functools.lru_cache(maxsize=None)
def prepared_tree(kernel: Kernel, compiler: str, planted: bool = False) -> Tree:
    """A tree that modules can be built in: links to the cached sources, with the driver added."""
    folder = fresh(f"tree-{kernel.name}-{compiler}{'-planted' if planted else ''}")
    cached = linux_source(kernel.series)
    tree = Tree(folder / "linux", folder / "out", ["make", "-s", "-j2", "-C", folder / "linux", f"O={folder / 'out'}",
                                                   *COMPILERS[compiler]])
    output_of("cp", "-as", cached, tree.source)
    # coccicheck looks for files and overlooks links.
    shutil.rmtree(tree.source / "scripts/coccinelle")
    shutil.copytree(cached / "scripts/coccinelle", tree.source / "scripts/coccinelle")
    output_of("packaging/kernel-tree", tree.source)
    if planted:
        shutil.copy(TOP / "tests/kernel" / PLANT, tree.driver / PLANT)
    output_of(*tree.make, "tinyconfig")
    switches = [word for option in OPTIONS for word in ("-e", option)]
    output_of(tree.source / "scripts/config", "--file", tree.output / ".config", *switches)
    set_driver(tree, "m")
    output_of(*tree.make, "prepare")
    return tree


def check_tree(kernel: Kernel, compiler: str) -> Outcome:
    """CONFIG_K7HSM=m and =y, with W=1 and warnings as errors."""
    need(compiler, compiler)
    tree = prepared_tree(kernel, compiler)
    findings, objects = [], 0
    for value in ("m", "y"):
        set_driver(tree, value)
        done = run(*tree.make, "W=1", "KCFLAGS=-Werror", f"{DRIVER}/")
        findings += complaints(done)
        whole = tree.output / DRIVER / ("k7hsm.o" if value == "m" else "built-in.a")
        if not whole.is_file() and not findings:
            findings.append(f"CONFIG_K7HSM={value} made no {whole.name}")
        objects = len(list((tree.output / DRIVER).glob("*.o")))
        shutil.rmtree(tree.output / DRIVER)
    return Outcome(f"{objects} objects, =m and =y", findings)
