# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that read the driver's sources: checkpatch, kernel-doc, coccicheck, licences."""

import re

from lib.outcome import HERE, TOP, Kernel, Outcome, Skipped, complaints, fresh, linux_source, need, output_of, run
from lib.tree import PLANT, prepared_tree

ALLOWED = HERE / "checkpatch-allowed"


def driver_files() -> list[str]:
    return [str(path.relative_to(TOP)) for path in sorted((TOP / "kmod").glob("*.[ch]"))]


def driver_headers() -> list[str]:
    """Headers of the project that the driver includes, with those that they include."""
    found, todo = [], [TOP / name for name in driver_files()]
    while todo:
        for name in re.findall(r"^#include <((?:k7|linux)/[\w.]+)>", todo.pop().read_text(encoding="utf-8"), re.M):
            for folder in ("include", "include/uapi"):
                path = TOP / folder / name
                if path.is_file() and path not in found:
                    found.append(path)
                    todo.append(path)
    return sorted(str(path.relative_to(TOP)) for path in found)


def allowed_remarks() -> list[tuple[str, str, str]]:
    lines = [line for line in ALLOWED.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    entries = [tuple(part.strip() for part in line.split("|", 3)) for line in lines]
    for line, entry in zip(lines, entries):
        if len(entry) != 4 or not all(entry):
            raise RuntimeError(f"{ALLOWED.name}: '{line}' is not FILE | TYPE | text | why")
    return [entry[:3] for entry in entries]


def remarks(text: str):
    """(file, type, line of source, what to show) of each remark of checkpatch."""
    pattern = r"^(?:ERROR|WARNING|CHECK):(\w+): (.*)\n(?:#\d+: )?FILE: (\S+?):(\d+):\n((?:\+.*\n)*)"
    for kind, message, file, number, source in re.findall(pattern, text, re.M):
        yield file, kind, source, f"{file}:{number}: {kind}: {message}"


def judge_remarks(text: str) -> list[str]:
    allowed, used, findings = allowed_remarks(), set(), []
    for file, kind, source, shown in remarks(text):
        entry = next((entry for entry in allowed if entry[:2] == (file, kind) and entry[2] in source), None)
        used.add(entry)
        if not entry:
            findings.append(shown)
    findings += [f"{ALLOWED.name}: no such remark any more, remove the entry: {' | '.join(entry)}"
                 for entry in allowed if entry not in used]
    said = sum(int(total) for line in re.findall(r"^total: (.*) lines checked$", text, re.M)
               for total in re.findall(r"(\d+) (?:errors|warnings|checks)", line))
    if said != len(list(remarks(text))):
        findings.append(f"checkpatch counts {said} remarks, {len(list(remarks(text)))} were understood")
    return findings


def check_checkpatch(kernel: Kernel) -> Outcome:
    scripts, files = linux_source(kernel.series), driver_files() + driver_headers()
    # All but commands.def, which is a table and no C.
    files = [name for name in files if name.endswith((".c", ".h"))]
    # It leaves a file of names where it runs, and judges by the path: include/uapi has rules of its own.
    folder = fresh("checkpatch")
    for name in ("include", "kmod"):
        (folder / name).symlink_to(TOP / name)
    done = run("perl", scripts / "scripts/checkpatch.pl", f"--root={scripts}", "--strict", "--no-tree", "--show-types",
               "--max-line-length=100", "--color=never", "--codespell", "-f", *files, folder=folder)
    text = done.stdout
    if text.count(" lines checked") != len(files):
        return Outcome(f"{len(files)} files", ["checkpatch did not look at all of them:", *text.splitlines()[-5:]])
    return Outcome(f"{len(files)} files, {len(allowed_remarks())} allowed remarks", judge_remarks(text))


def check_kernel_doc(kernel: Kernel) -> Outcome:
    files = driver_files() + ["include/uapi/linux/k7hsm.h"]
    script = linux_source(kernel.series) / "scripts/kernel-doc"
    comments = sum((TOP / name).read_text(encoding="utf-8").count("/**\n") for name in files)
    done = run("perl", script, "-none", "-Werror", *files)
    return Outcome(f"{len(files)} files, {comments} comments", complaints(done))


def check_coccicheck(kernel: Kernel) -> Outcome:
    need("spatch", "coccinelle")
    need("ocamlfind", "ocaml-findlib")
    need("ocamlc", "ocaml-nox")
    tree = prepared_tree(kernel, "gcc", planted=True)
    done = run("make", "-C", tree.source, f"O={tree.output}", "coccicheck", "MODE=report", "J=2", f"M={tree.driver}")
    rules = len(list((tree.source / "scripts/coccinelle").rglob("*.cocci")))
    reports = [line for line in done.stdout.splitlines() if re.match(r"/\S+:\d+:\d+", line)]
    of_plant = [line for line in reports if f"/{PLANT}:" in line]
    findings = [line.removeprefix(f"{tree.driver}/") for line in reports if line not in of_plant]
    if not of_plant:
        findings += ["the use after free planted in another file was not reported, so nothing was looked at:",
                     *done.stdout.splitlines()[-10:]]
    return Outcome(f"{rules} rules", findings or complaints(done))


def check_licences() -> Outcome:
    need("reuse", "reuse")
    if run("git", "rev-parse", folder=TOP).returncode:
        raise Skipped("not a git working tree, so reuse would take build/ for sources")
    done = run("reuse", "lint")
    files = re.search(r"[Ff]iles with license information: (\d+)", done.stdout)
    return Outcome(f"{files[1] if files else '?'} files", done.stdout.splitlines()[-40:] if done.returncode else [])


def check_version() -> Outcome:
    """One version in the Makefile, the driver, the source tree for DKMS and the package."""
    makefile = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(encoding="utf-8"), re.M)[1]
    driver = re.search(r'^#define K7_DRIVER_VERSION\s+"(.*)"', (TOP / "kmod/k7.h").read_text(encoding="utf-8"), re.M)[1]
    folder = output_of("packaging/dkms/source", TOP / "build/check-kernel/version").strip()
    with open(f"{folder}/dkms.conf", encoding="utf-8") as file:
        dkms = re.search(r'^PACKAGE_VERSION="(.*)"', file.read(), re.M)[1]
    versions = {"Makefile": makefile, "kmod/k7.h": driver, "dkms.conf": dkms}
    same = len(set(versions.values())) == 1
    findings = [] if same else [f"{where}: {what}" for where, what in versions.items()]
    return Outcome(f"{makefile}, {len(versions)} places", findings)


def check_depends() -> Outcome:
    """Kconfig and DKMS ask for the same options of the kernel. "X || X=n" asks for none: a driver that is built in cannot
    use what is a module, and one that is a module can always."""
    kconfig = (TOP / "kmod/Kconfig").read_text(encoding="utf-8")
    driver = re.search(r"^config K7HSM\n((?:[ \t].*\n|\n)*)", kconfig, re.M)[1]
    wanted = {option for line in re.findall(r"^\s*depends on (.*)", driver, re.M) for option in line.split(" && ")
              if not re.fullmatch(r"(\w+) \|\| \1=n", option)}
    conf = (TOP / "packaging/dkms/dkms.conf").read_text(encoding="utf-8")
    asked = re.search(r'^BUILD_EXCLUSIVE_CONFIG="(.*)"', conf, re.M)[1].split()
    missing = [option for option in asked if option.removeprefix("CONFIG_") not in wanted]
    missing += [option for option in sorted(wanted) if f"CONFIG_{option}" not in asked]
    return Outcome(f"{len(asked)} options", [f"{option} is only in one of kmod/Kconfig and dkms.conf" for option in missing])
