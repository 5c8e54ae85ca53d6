# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check comes to, and how checks run programs."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent.parent.parent
HERE = TOP / "tests/kernel"
SCRATCH = TOP / "build/check-kernel"
LIMIT = 1800  # seconds for one program; only there to end a hang


class Skipped(Exception):
    """The check cannot run here; the text says why and what would help."""


@dataclasses.dataclass
class Outcome:
    count: str  # what was looked at: "18 files"
    findings: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel as tests/vm/kernels describes it."""

    name: str
    release: str
    headers: str

    @property
    def series(self) -> str:
        return self.name.removeprefix("debian-")


def run(*command, folder=TOP, **environment) -> subprocess.CompletedProcess:
    """Runs a program; its messages are in English, and not those of a make around it."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", start_new_session=True,
                          env={**inherited, "LC_ALL": "C.UTF-8", **environment}) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            # With all that it started, which would keep the pipe open.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, output)


def output_of(*command, **options) -> str:
    """What a program printed; one that fails ends the check."""
    done = run(*command, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(word) for word in command)} failed:\n{done.stdout.strip()}")
    return done.stdout


def need(program: str, package: str) -> None:
    if not shutil.which(program):
        raise Skipped(f"{program} is missing: install the package {package}")


def complaints(done: subprocess.CompletedProcess) -> list[str]:
    """Lines of a failed build that say why, or its last ones."""
    if done.returncode == 0:
        return []
    lines = done.stdout.splitlines()
    telling = [line for line in lines if any(word in line for word in ("error", "warning", "ERROR", "***"))]
    return (telling or lines)[-20:] or [f"exit status {done.returncode} without a word"]


def fresh(name: str) -> pathlib.Path:
    """An empty folder below build/."""
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def kernels(names: list[str]) -> list[Kernel]:
    """The kernels of @names, all of this release when there are none; fetched if they are missing."""
    found = []
    for name in names or output_of("tests/vm/kernels", "list").split():
        described = dict(line.split("=", 1) for line in output_of("tests/vm/kernels", "get", name).splitlines()
                         if "=" in line)
        found.append(Kernel(name, described["release"], described["headers"]))
    return found


def linux_source(series: str) -> pathlib.Path:
    return pathlib.Path(output_of("tests/kernel/linux-source", "get", series).splitlines()[-1])
