# SPDX-License-Identifier: GPL-2.0-or-later
"""Judge a guest run: its report, its kernel log, how it ended. No QEMU in here, so that it can be tested alone."""

import re
from dataclasses import dataclass, field

START_MARK = "k7vm: start"

# What a kernel log must not hold.
SPLAT_PATTERNS = (
    r"WARNING:",
    r"BUG[: ]",
    r"\bOops\b",
    r"general protection",
    r"KASAN:",
    r"KFENCE:",
    r"UBSAN:",
    r"KCSAN:",
    r"INFO: possible",
    r"INFO: trying to register non-static key",
    r"DEBUG_LOCKS_WARN_ON",
    r"INFO: task .* blocked",
    r"INFO: rcu_\w+ .*stall",
    r"suspicious RCU",
    r"ODEBUG:",
    r"DMA-API:",
    r"DMAR:.* fault",
    r"refcount_t:",
    r"sysfs: cannot create duplicate",
    r"unreferenced object",
    r"Call Trace:",
    r"list_(add|del) corruption",
    r"nobody cared",
    r"soft lockup",
    r"Slab corruption",
    r"pagealloc: memory corruption",
)
SPLAT = re.compile("|".join(SPLAT_PATTERNS))
LEAK = re.compile(r"unreferenced object")
PANIC = re.compile(r"Kernel panic - not syncing")
# A block of the log ends with one of these, and where another one begins. Memory checkers print several stacks.
BLOCK_END = re.compile(r"---\[ end |^={20,}$|^ *</TASK>$")
MEMORY_CHECKER = re.compile(r"KASAN:|KFENCE:|KCSAN:")
CONTINUATION = re.compile(r"Call Trace:|\bOops\b|BUG: [Uu]nable|^KASAN: ")
TIMESTAMP = re.compile(r"^\[ *\d+\.\d+\](\[ *[TC]\d+\])? ")
BLOCK_LINES = 250

# Out-of-tree and unsigned modules taint a kernel, and KUnit does (bit 18); every other bit is a finding.
HARMLESS_TAINT = 1 << 12 | 1 << 13 | 1 << 18
# What a splat sets: a bad page or KASAN, a warning.
SPLAT_TAINTS = ((re.compile(r"KASAN:|BUG[: ]"), 1 << 5), (re.compile(r"WARNING:"), 1 << 9))

# Exit statuses of tests/vm/run that are not the command's.
CANNOT_START = 90
TIMED_OUT = 91
PANICKED = 92
SPLATTED = 93
TAINTED = 94
NO_END_LINE = 95
LEAKED = 96
NO_MODULE = 97


@dataclass
class Report:
    """What the guest said on its report port."""

    started: bool = False
    status: int | None = None
    taint: int | None = None
    leaks: int | None = None  # None: this kernel does not look
    lockdep_off: bool = False
    module_error: str | None = None
    done: bool = False

    def take(self, line: str) -> None:
        """Note one line; what is not a report line is ignored."""
        word, _, rest = line.strip().removeprefix("# ").partition(" ")
        if word == "start":
            self.started = True
        elif word == "status" and rest.isdecimal():
            self.status = int(rest)
        elif word == "taint" and rest.isdecimal():
            self.taint = int(rest)
        elif word == "leaks" and rest.isdecimal():
            self.leaks = int(rest)
        elif word == "lockdep":
            self.lockdep_off = rest == "0"
        elif word == "module":
            self.module_error = rest
        elif word == "done":
            self.done = True


@dataclass
class Finding:
    """One thing that is wrong with a run: an exit status, a sentence, and the log lines that show it."""

    status: int
    text: str
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Noise:
    """An entry of the ignore list: what is ignored, and the scenario and kernel of tests/vm/noise that show it."""

    pattern: re.Pattern[str]
    scenario: str
    kernel: str

    def covers(self, block: list[str]) -> bool:
        return bool(self.pattern.search("\n".join(TIMESTAMP.sub("", line) for line in block)))


class IgnoreList:
    """Known noise. A pattern line must follow a comment with its reason and a line `# scenario: NAME on KERNEL`."""

    def __init__(self, text: str = "") -> None:
        self.entries: list[Noise] = []
        reasons, shown_by = 0, None
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if scenario := re.fullmatch(r"# scenario: (\S+) on (\S+)", line):
                shown_by = scenario
            elif line.startswith("#"):
                reasons += 1
            elif not line:
                reasons, shown_by = 0, None
            elif not reasons or not shown_by:
                raise ValueError(f"ignore list, line {number}: a pattern needs a comment above it that says why, "
                                 "and '# scenario: NAME on KERNEL'")
            else:
                self.entries.append(Noise(re.compile(line), shown_by[1], shown_by[2]))

    def covers(self, block: list[str]) -> bool:
        return any(entry.covers(block) for entry in self.entries)


def judged_lines(log: str) -> list[str]:
    """The log lines after the start mark (all of them, if the guest did not get that far)."""
    lines = log.replace("\r", "").splitlines()
    marks = [index for index, line in enumerate(lines) if START_MARK in line]
    return lines[marks[0] + 1 :] if marks else lines


def block_end(lines: list[str], first: int) -> int:
    """The index after the last line of the splat that starts at `first`."""
    several_stacks = MEMORY_CHECKER.search(lines[first])
    for index in range(first + 1, min(first + BLOCK_LINES, len(lines))):
        line = TIMESTAMP.sub("", lines[index])
        if SPLAT.search(line) and not CONTINUATION.search(line):
            return index
        if BLOCK_END.search(line) and not (several_stacks and line.endswith("</TASK>")):
            return index + 1
    return min(first + BLOCK_LINES, len(lines))


def all_splats(log: str) -> list[list[str]]:
    """The blocks of log lines that a healthy kernel does not print."""
    lines = judged_lines(log)
    splats = []
    index = 0
    while index < len(lines):
        if not SPLAT.search(lines[index]):
            index += 1
            continue
        end = block_end(lines, index)
        splats.append(lines[index:end])
        index = end
    return splats


def find_splats(log: str, ignored: IgnoreList) -> list[list[str]]:
    """Those that are not known noise."""
    return [block for block in all_splats(log) if not ignored.covers(block)]


def ignored_taint(log: str, ignored: IgnoreList) -> int:
    """The bits of the taint that ignored splats explain. Others of the kind are findings by themselves."""
    taint = 0
    for block in all_splats(log):
        if ignored.covers(block):
            taint |= sum(bit for pattern, bit in SPLAT_TAINTS if pattern.search(block[0]))
    return taint


def splat_findings(log: str, ignored: IgnoreList) -> list[Finding]:
    findings = []
    for block in find_splats(log, ignored):
        if LEAK.search(block[0]):
            findings.append(Finding(LEAKED, "the kernel leaked memory", block))
        else:
            findings.append(Finding(SPLATTED, "the kernel complained", block))
    return findings


def judge(report: Report, log: str, timed_out: bool, ignored: IgnoreList) -> list[Finding]:
    """What is wrong with a run, the cause first; empty when only the command's status counts."""
    lines = log.replace("\r", "").splitlines()
    splats = splat_findings(log, ignored)
    findings = []
    panic = next((index for index, line in enumerate(lines) if PANIC.search(line)), None)
    if panic is not None:
        findings.append(Finding(PANICKED, "the kernel panicked", lines[max(0, panic - 40) : panic + 20]))
    if report.module_error is not None:
        findings.append(Finding(NO_MODULE, f"the driver did not load: {report.module_error}", lines[-20:]))
    if timed_out:
        findings.append(Finding(TIMED_OUT, "the guest did not end in time", lines[-20:]))
    elif not report.done and panic is None:
        findings.append(Finding(NO_END_LINE, "the guest ended without its end line", lines[-20:]))
    elif report.done and report.module_error is None and report.status is None:
        findings.append(Finding(NO_END_LINE, "the guest did not report the command's status", lines[-20:]))
    findings += splats
    if report.done and report.taint is None:
        findings.append(Finding(NO_END_LINE, "the guest did not report the kernel's taint"))
    shown_leaks = sum(bool(LEAK.search(line)) for line in judged_lines(log))
    if report.leaks and report.leaks > shown_leaks:
        findings.append(Finding(LEAKED, f"kmemleak counts {report.leaks} leaks, the log shows {shown_leaks}"))
    if report.taint is not None and report.taint & ~(HARMLESS_TAINT | ignored_taint(log, ignored)):
        findings.append(Finding(TAINTED, f"the kernel is tainted: {report.taint}"))
    return findings
