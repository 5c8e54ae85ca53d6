# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of include/uapi/linux/k7hsm.h: it compiles alone everywhere, and its layout stays."""

import pathlib
import shutil

from lib.outcome import HERE, TOP, Outcome, complaints, fresh, output_of, run

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

# A header of the same kind, for what the comparison must notice: (what is replaced, with what).
SAMPLE = """#include <linux/ioctl.h>
#include <linux/types.h>
#define K7HSM_ABI_LEVEL 1
#define K7_ERASE_FMS 1
#define K7_ERASE_SMFS 2
enum k7_driver_state { K7_DRIVER_NEW = 0, K7_DRIVER_LIVE = 2 };
struct k7_ioc_sample {
	__u32 size;
	__u32 opcode;
	__u32 flags;
	__u32 timeout_ms;
	__u64 in_addr;
	union {
		__u32 arg;
		__u8 bytes[4];
	};
	__u32 reserved[7];
};
#define K7_IOC_SAMPLE _IOWR(0xB7, 0x03, struct k7_ioc_sample)
"""
BREAKS = {
    "two fields swapped": ("__u32 opcode;\n\t__u32 flags;", "__u32 flags;\n\t__u32 opcode;"),
    "a field with another sign": ("__u32 timeout_ms;", "__s32 timeout_ms;"),
    "a field removed": ("\t__u32 flags;\n", ""),
    "a field of another size": ("__u64 in_addr;", "__u32 in_addr, in_addr_high;"),
    "a field of a union changed": ("__u8 bytes[4];", "__u8 bytes[3];"),
    "a struct that shrinks": ("reserved[7]", "reserved[5]"),
    "another ioctl number": ("0xB7, 0x03,", "0xB7, 0x09,"),
    "a constant changed": ("#define K7_ERASE_SMFS 2", "#define K7_ERASE_SMFS 3"),
    "a constant removed": ("#define K7_ERASE_FMS 1", ""),
    "an enumerator renamed": ("K7_DRIVER_LIVE = 2", "K7_DRIVER_ALIVE = 2"),
    "a lower ABI level": ("K7HSM_ABI_LEVEL 1", "K7HSM_ABI_LEVEL 0"),
    "a pointer": ("__u64 in_addr;", "void *in_addr;"),
    "a bit field": ("__u32 opcode;", "__u32 opcode : 16, high : 16;"),
}
GROWTH = {
    "a struct added": ("#define K7_IOC_SAMPLE", "struct k7_ioc_new {\n\t__u32 size;\n};\n#define K7_IOC_SAMPLE"),
    "an ioctl added": ("#define K7_IOC_SAMPLE", "#define K7_IOC_NEW _IO(0xB7, 0x04)\n#define K7_IOC_SAMPLE"),
    "an enumerator added": ("K7_DRIVER_NEW = 0,", "K7_DRIVER_NEW = 0, K7_DRIVER_INIT = 1,"),
    "a reserved field used": ("__u32 reserved[7];", "__u32 added;\n\t__u32 reserved[6];"),
    "a struct that grows": ("__u32 reserved[7];", "__u32 reserved[7];\n\t__u64 added;"),
    "a higher ABI level": ("K7HSM_ABI_LEVEL 1", "K7HSM_ABI_LEVEL 2"),
}


def check_alone() -> Outcome:
    findings = []
    folder = fresh("uapi")
    (folder / "alone").write_text("#include <linux/k7hsm.h>\n#include <linux/k7hsm.h>\n", encoding="utf-8")
    compilers = [words for words in COMPILERS if shutil.which(words[0])]
    for words in compilers:
        done = run(*words, "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", TOP / "include/uapi", "-c",
                   "-o", "/dev/null", "alone", folder=folder)
        findings += [f"{' '.join(words[:3])}: {line}" for line in complaints(done)]
    return Outcome(f"{len(compilers)} compilers and languages", findings)


def check_layout() -> Outcome:
    done = run(LAYOUT)
    lines = sum(not line.startswith("#") for line in GOLDEN.read_text(encoding="utf-8").splitlines())
    findings = done.stdout.splitlines() if done.returncode else []
    return Outcome(f"{lines} lines, {done.stdout.count('ok C')} compilers", findings)


def changed_header(name: str, change: tuple[str, str]) -> pathlib.Path:
    """The sample with one change, beside a golden file of the unchanged one."""
    folder = fresh(f"layout/{name.replace(' ', '-')}")
    header = folder / "sample.h"
    header.write_text(SAMPLE, encoding="utf-8")
    output_of(LAYOUT, "--update", "--header", header, "--golden", folder / "golden")
    header.write_text(SAMPLE.replace(*change), encoding="utf-8")
    return header


def check_layout_notices() -> Outcome:
    """The comparison notices each kind of change, and --update takes only those that break nothing."""
    findings = []
    for name, change in {**BREAKS, **GROWTH}.items():
        header = changed_header(name, change)
        options = ["--header", header, "--golden", header.parent / "golden"]
        status = run(LAYOUT, *options).returncode
        if status != 1:
            findings.append(f"{name}: {'not noticed' if status == 0 else 'the changed sample does not compile'}")
        taken = run(LAYOUT, "--update", *options).returncode == 0
        if taken != (name in GROWTH):
            findings.append(f"{name}: --update {'takes' if taken else 'refuses'} it")
    return Outcome(f"{len(BREAKS) + len(GROWTH)} planted changes", findings)
