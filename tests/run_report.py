# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a run of tests/check: build/check/report.txt for people, report.json for programs.

It says what ran, on which kernels, with which QEMU, where and how long, the counts, and why something was skipped. It
is written anew after every suite, so that a run that is cut short leaves one ("finished" is false in it then).
"""

import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import time

GTEST_SKIP = re.compile(r"^(\S+:\d+): Skipped\n(.+)$", re.M)
# What a test program prints; the guest runner indents it.
PLAIN_SKIP = re.compile(r"^ *skip ([^:\n]+): (.+)$", re.M)
STYLE_SKIP = re.compile(r"^# skipped: (.+)$", re.M)
# GoogleTest repeats its failures, with a count before.
FAILURE = re.compile(r"^ *(not ok .+|\[  FAILED  \] [^\s\d].*?(?= \(\d+ ms\)$|$)|== .+)", re.M)
FAILURES_MAX = 10  # that a suite shows in the closing lines


@dataclasses.dataclass
class Skip:
    what: str
    why: str


@dataclasses.dataclass
class SuiteResult:
    """One suite; `status` is its exit status, None when it did not run."""

    name: str
    command: str
    kernels: tuple[str, ...] = ()
    status: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of all processors, with those of the processes it started
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    skips: list[Skip] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    log: str = ""


def find_skips(output: str) -> list[Skip]:
    """What the output of a suite says that it has left out, with the reasons."""
    skips = [Skip(what, why.strip()) for what, why in PLAIN_SKIP.findall(output)]
    skips += [Skip(what, why.strip()) for what, why in GTEST_SKIP.findall(output)]
    return skips + [Skip("a check", why.strip()) for why in STYLE_SKIP.findall(output)]


def find_failures(output: str) -> list[str]:
    """What a suite that has failed says of it, each with the guest case that it belongs to; else its last line."""
    failures: list[str] = []
    case = ""
    for line in FAILURE.findall(output):
        if line.startswith("== "):
            case = line[3:] + ": "
        elif case + line not in failures:
            failures.append(case + line)
    if len(failures) > FAILURES_MAX:
        failures[FAILURES_MAX:] = [f"and {len(failures) - FAILURES_MAX} more"]
    return failures or output.split("\n\n")[-1].strip().splitlines()[-1:]


def output_of(top: pathlib.Path, *command: str) -> str:
    """Empty when the command fails or is not there."""
    environment = dict(os.environ, LD_LIBRARY_PATH=str(top / "build/lib"))
    try:
        run = subprocess.run(command, cwd=top, env=environment, text=True, capture_output=True, check=False)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def first_line(text: str) -> str:
    return text.splitlines()[0] if text else "unknown"


def describe_host() -> dict:
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "kernel": platform.release(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_mib": memory,
    }


def describe_kernel(top: pathlib.Path, name: str) -> dict:
    lines = output_of(top, "tests/vm/kernels", "path", name).splitlines()
    info = dict(line.split("=", 1) for line in lines)
    return {"name": name, "release": info.get("release", "not there"), "version": info.get("version", "not there")}


class Report:
    """Collects the results of a run and writes both files into a folder."""

    def __init__(self, top: pathlib.Path, folder: pathlib.Path) -> None:
        self._top = top
        self._folder = folder
        self._started = datetime.datetime.now(datetime.timezone.utc)
        self._begin = time.monotonic()
        self.suites: list[SuiteResult] = []
        self.finished = False

    def total(self, field: str) -> int:
        return sum(getattr(suite, field) for suite in self.suites)

    def as_dict(self) -> dict:
        kernels = sorted({kernel for suite in self.suites if suite.status is not None for kernel in suite.kernels})
        return {
            "commit": output_of(self._top, "git", "rev-parse", "HEAD") or "unknown",
            "modified": bool(output_of(self._top, "git", "status", "--porcelain", "--untracked-files=no")),
            "host": describe_host(),
            "qemu": first_line(output_of(self._top, "build/qemu/qemu-system-x86_64", "--version")),
            "compiler": first_line(output_of(self._top, "gcc", "--version")),
            "kernels": [describe_kernel(self._top, kernel) for kernel in kernels],
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._begin),
            "finished": self.finished,
            **{field: self.total(field) for field in ("passed", "failed", "skipped")},
            "suites": [dataclasses.asdict(suite) for suite in self.suites],
        }

    def write(self) -> None:
        report = self.as_dict()
        (self._folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (self._folder / "report.txt").write_text("\n".join(text_lines(report)) + "\n", encoding="utf-8")


def suite_line(suite: dict) -> str:
    if suite["status"] is None:
        return f"{suite['name']:<20} did not run"
    counts = f"{suite['passed']:>5} {suite['failed']:>6} {suite['skipped']:>7}"
    times = f"{suite['seconds']:>7.0f} {suite['cpu_seconds']:>7.0f}"
    return f"{suite['name']:<20} {counts} {times}  {' '.join(suite['kernels'])}".rstrip()


def skip_lines(suites: list[dict]) -> list[str]:
    return [f"{suite['name']}: {skip['what']}: {skip['why']}" for suite in suites for skip in suite["skips"]]


def failure_lines(suites: list[dict]) -> list[str]:
    return [f"{suite['name']}: {failure}" for suite in suites for failure in suite["failures"]]


def text_lines(report: dict) -> list[str]:
    host = report["host"]
    lines = [
        f"commit    {report['commit']}{' and changes' if report['modified'] else ''}",
        f"host      {host['system']}, Linux {host['kernel']}, {host['processors']} processors, {host['memory_mib']} MiB",
        f"qemu      {report['qemu']}",
        f"compiler  {report['compiler']}",
        f"started   {report['started']}, {report['seconds']} s{'' if report['finished'] else ', NOT FINISHED'}",
        *[f"kernel    {kernel['name']}: {kernel['release']} ({kernel['version']})" for kernel in report["kernels"]],
        "",
        f"{'suite':<20} {'ok':>5} {'failed':>6} {'skipped':>7} {'seconds':>7} {'cpu':>7}  kernels",
        *[suite_line(suite) for suite in report["suites"]],
        "",
    ]
    failures = failure_lines(report["suites"])
    lines += ["failed:", *[f"  {line}" for line in failures], ""] if failures else []
    skips = skip_lines(report["suites"])
    lines += ["skipped, and why:", *[f"  {line}" for line in skips], ""] if skips else []
    return [*lines, f"{report['passed']} passed, {report['failed']} failed, {report['skipped']} skipped"]
