# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of include/uapi/linux/k7hsm.h: it compiles alone everywhere, and its layout stays."""

import pathlib
import shutil

from lib.outcome import HERE, TOP, Outcome, complaints, fresh, output_of, run

HEADER = TOP / "include/uapi/linux/k7hsm.h"
LAYOUT = HERE / "uapi-layout"
GOLDEN = HERE / "uapi-layout.golden"
MINUS_M32 = ["-m32", "-ffreestanding", "-isystem", "/usr/include/x86_64-linux-gnu"]
COMPILERS = [
    ["gcc", "-std=c11", "-xc"],
    ["gcc", "-std=c11", *MINUS_M32, "-xc"],
    ["g++", "-std=c++17", "-xc++"],
    ["g++", "-std=c++20", "-xc++"],
    ["g++", "-std=c++20", *MINUS_M32, "-xc++"],
    ["clang", "-std=c11", "-xc"],
    ["clang++", "-std=c++20", "-xc++"],
]

# What must not pass, as (what is replaced, with what); then what may.
BREAKS = {
    "two fields swapped": ("__u32 opcode;\n\t__u32 flags;", "__u32 flags;\n\t__u32 opcode;"),
    "a field with another sign": ("__u32 timeout_ms;", "__s32 timeout_ms;"),
    "a field removed": ("\t__u32 generation;\n", ""),
    "a field of another size": ("__u64 in_addr;", "__u32 in_addr, in_addr_high;"),
    "another ioctl number": ("K7HSM_IOC_MAGIC, 0x03,", "K7HSM_IOC_MAGIC, 0x09,"),
    "a constant changed": ("#define K7_ERASE_SMFS\t\t2", "#define K7_ERASE_SMFS\t\t3"),
    "a constant removed": ("#define K7_ERASE_FMS\t\t1", ""),
    "an enumerator renamed": ("K7_DRIVER_LIVE = 2", "K7_DRIVER_ALIVE = 2"),
    "a pointer": ("__u64 data_addr;", "void *data_addr;"),
}
GROWTH = {
    "a struct and an ioctl added": ("#define K7_IOC_INFO\t", "struct k7_ioc_new {\n\t__u32 size;\n\tunion {\n\t\t__u32 a;\n\t\t"
                                    "__u8 b[4];\n\t};\n};\n#define K7_IOC_NEW _IOWR(K7HSM_IOC_MAGIC, 0x7f, struct k7_ioc_new)\n"
                                    "#define K7_IOC_INFO\t"),
    "a reserved field used": ("__u32 pci_address;\n\t__u32 reserved[9];", "__u32 pci_address;\n\t__u32 added;\n\t__u32 reserved[8];"),
    "a struct that grows": ("__u32 card_state;\n\t__u64 reserved;\n};", "__u32 card_state;\n\t__u64 reserved;\n\t__u64 added;\n};"),
}


def check_alone() -> Outcome:
    findings = []
    folder = fresh("uapi")
    (folder / "alone").write_text("#include <linux/k7hsm.h>\n#include <linux/k7hsm.h>\n", encoding="utf-8")
    compilers = [words for words in COMPILERS if shutil.which(words[0])]
    for words in compilers:
        done = run(*words, "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", TOP / "include/uapi", "-c", "-o", "/dev/null",
                   "alone", folder=folder)
        findings += [f"{' '.join(words[:3])}: {line}" for line in complaints(done)]
    return Outcome(f"{len(compilers)} compilers and languages", findings)


def check_layout() -> Outcome:
    done = run(LAYOUT)
    lines = sum(not line.startswith("#") for line in GOLDEN.read_text(encoding="utf-8").splitlines())
    return Outcome(f"{lines} lines, {done.stdout.count('ok C')} compilers", done.stdout.splitlines() if done.returncode else [])


def changed_header(name: str, change: tuple[str, str]) -> pathlib.Path:
    """A copy of the header with one change, beside a golden file of the unchanged one."""
    folder = fresh(f"layout/{name.replace(' ', '-')}")
    text = HEADER.read_text(encoding="utf-8")
    if change[0] not in text:
        raise RuntimeError(f"the header has no '{change[0]}' any more: mend BREAKS and GROWTH in tests/kernel/lib/uapi.py")
    header = folder / "k7hsm.h"
    header.write_text(text, encoding="utf-8")
    output_of(LAYOUT, "--update", "--header", header, "--golden", folder / "golden")
    header.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    return header


def check_layout_notices() -> Outcome:
    """The comparison notices each kind of change, and --update takes only those that break nothing."""
    findings = []
    for name, change in {**BREAKS, **GROWTH}.items():
        header = changed_header(name, change)
        options = ["--header", header, "--golden", header.parent / "golden"]
        if run(LAYOUT, *options).returncode == 0:
            findings.append(f"{name}: not noticed")
        taken = run(LAYOUT, "--update", *options).returncode == 0
        if taken != (name in GROWTH):
            findings.append(f"{name}: --update {'takes' if taken else 'refuses'} it")
    return Outcome(f"{len(BREAKS) + len(GROWTH)} planted changes", findings)
