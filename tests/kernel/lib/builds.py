# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that build the driver outside of a kernel tree, against Debian's kernel headers."""

import hashlib
import pathlib
import re

from lib.outcome import TOP, Kernel, Outcome, complaints, fresh, need, output_of, run


def check_build(kernel: Kernel) -> Outcome:
    done = run("make", "-j2", f"KERNELS={kernel.name}", "kmod")
    return Outcome(f"{kernel.release}, W=1", complaints(done))


def check_sparse(kernel: Kernel) -> Outcome:
    need("sparse", "sparse")
    done = run("make", "-j2", f"KERNELS={kernel.name}", "kmod-sparse")
    return Outcome(f"{kernel.release}, with endian checks", complaints(done))


def make_module(kernel: Kernel, folder: pathlib.Path, target: str) -> list[str]:
    return complaints(run("make", "-s", "-j2", "-C", kernel.headers, f"M={folder}", target))


def check_rebuild(kernel: Kernel) -> Outcome:
    """Twice from clean, from the source tree that DKMS gets, without our Makefile: the same bytes."""
    source = pathlib.Path(output_of("packaging/dkms/source", fresh(f"rebuild-{kernel.name}")).strip())
    folder = source / "kmod"
    before = sorted(path.name for path in folder.iterdir())
    digests, findings = [], []
    for _ in range(2):
        findings += make_module(kernel, folder, "modules")
        module = folder / "k7hsm.ko"
        if findings or not module.is_file():
            return Outcome(kernel.release, findings or ["no k7hsm.ko was made"])
        digests.append(hashlib.sha256(module.read_bytes()).hexdigest())
        findings += make_module(kernel, folder, "clean")
        left = sorted(path.name for path in folder.iterdir())
        if left != before:
            findings.append(f"make clean leaves {' '.join(sorted(set(left) - set(before)))}")
    if digests[0] != digests[1]:
        findings.append("the second build has other bytes than the first")
    return Outcome(f"{kernel.release}, sha256 {digests[0][:12]}", findings)


def declared_parameters() -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in (TOP / "kmod").glob("*.c"))
    return set(re.findall(r"^module_param(?:_named|_cb)?\((\w+)", text, re.M))


def modinfo(module: pathlib.Path) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in output_of("modinfo", module).splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), []).append(value.strip())
    return fields


def check_modinfo(kernel: Kernel) -> Outcome:
    need("modinfo", "kmod")
    output_of("make", "-j2", f"KERNELS={kernel.name}", "kmod")
    fields = modinfo(TOP / "build/kmod" / kernel.release / "k7hsm.ko")
    wanted = ("description", "license", "version", "author", "alias")
    findings = [f"no {name}" for name in wanted if not any(fields.get(name, []))]
    if fields.get("license") != ["GPL"]:
        findings.append(f"license is {fields.get('license')}")
    if not all(alias.startswith("pci:v") for alias in fields.get("alias", [])):
        findings.append(f"an alias is no PCI device: {fields['alias']}")
    if "intree" in fields:
        findings.append("says that it was built in the kernel tree")
    if not fields.get("vermagic", [""])[0].startswith(f"{kernel.release} "):
        findings.append(f"vermagic is {fields.get('vermagic')}")
    # NAME:TEXT (TYPE), or NAME:TYPE of one that has no description.
    parameters = [value.partition(":") for value in fields.get("parm", [])]
    described = {name for name, _, text in parameters if len(text.split()) > 1}
    findings += [f"parameter {name} has no description" for name in sorted(declared_parameters() - described)]
    if not declared_parameters():
        findings.append("no module_param() was found in the sources")
    return Outcome(f"{kernel.release}, {len(fields)} fields, {len(described)} parameters", findings)
