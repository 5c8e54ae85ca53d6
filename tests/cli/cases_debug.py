# SPDX-License-Identifier: GPL-2.0-or-later
"""Debugging of FMs: core files of faults, FMs under gdb, profiles."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from harness import BIN, FMS, LIMIT_S, Skip, environment, run, test

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "fmsdk/samples"


def gdb(elf, *commands, target=None):
    """What gdb-multiarch prints when it is told @commands; @target is a core file."""
    arguments = ["gdb-multiarch", "-nx", "-batch", "-d", str(SAMPLES / "crashy"), "-ex", "set width 0"]
    for command in commands:
        arguments += ["-ex", command]
    arguments += [str(elf)] + ([str(target)] if target else [])
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    return done.stdout + done.stderr


@test
def core_file_opens_in_gdb(card):
    card.load_fm("crashy")
    card.fmcall("a002", "crash").expect(4)
    core = card.file("core")
    card.ctfm("faults", "--core", core).expect(0, ["write_slot", "Core file:", "gdb-multiarch"])
    assert core.stat().st_mode & 0o777 == 0o600, oct(core.stat().st_mode)
    fault = card.ctfm("faults", "--core", core, "--json").expect(0).json()
    assert fault["core"] == {"file": str(core), "size": core.stat().st_size}, fault["core"]
    shown = gdb(FMS / "crashy.elf", "info registers", "bt", "frame 1", "list", "print slots", "x/2xw $sp", target=core)
    assert "SIGSEGV" in shown and "FM crashy (a002), fault 1: store access fault" in shown, shown
    for index, value in enumerate(fault["fault"]["registers"][1:], 1):
        name = "ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7".split()[index - 1] if index < 18 else None
        assert name is None or f"\n{name} " in shown and f"0x{value:x}\t" in shown, (name, hex(value), shown)
    frames = [line for line in shown.splitlines() if line.startswith("#")]
    assert "write_slot" in frames[0] and "crashy.c" in frames[0], shown
    assert any("on_message" in frame for frame in frames), shown
    assert 'name = ' in shown and '"product"' in shown and "Cannot access memory" not in shown, shown
    assert any(frame.startswith("#1") and "keep_result" in frame for frame in frames), shown
    assert "write_slot(slot, result)" in shown, f"no source:\n{shown}"


@test
def no_core_after_erasing(card):
    card.load_fm("crashy")
    card.fmcall("a002", "crash").expect(4)
    run("fmrecover", "--fm", "--yes", card.selector).expect(0)
    core = card.file("core")
    card.ctfm("faults").expect(0, "store access fault")
    card.ctfm("faults", "--core", core).refuses(3, "keeps no core of fault 1", "erased")
    assert not core.exists()


def fmsdk_gdb(fm, request, *commands):
    """`fmsdk gdb` in a batch. Its messages and gdb's together."""
    arguments = ["gdb", "--batch", "--text", request]
    for command in ("set width 0", *commands):
        arguments += ["--ex", command]
    done = run("fmsdk", *arguments, FMS / f"{fm}.elf")
    return done.out + done.err


@test
def gdb_breaks_steps_and_ends(_card):
    shown = fmsdk_gdb("echo", "hello", "bt", "break on_message", "continue", "info registers a2", "x/5cb $a1", "stepi",
                      "p $pc", "finish", "continue")
    assert "_start" in shown.split("Breakpoint 1")[0], shown
    assert "on_message (" in shown and "length=5) at echo.c:" in shown, shown
    assert "0x5\t5" in shown and "104 'h'" in shown, shown
    assert "call 1: status 0, 5 bytes of reply" in shown, shown
    assert "exited normally" in shown, shown


@test
def gdb_watches_and_changes(_card):
    shown = fmsdk_gdb("crashy", "add 2 3", "watch slots[0].result", "continue", "bt",
                      "set variable slots[0].result = 99", "print slots[0]", "delete", "continue")
    assert "Hardware watchpoint 1: slots[0].result" in shown and "write_slot" in shown, shown
    assert "New value = 5" in shown and "result = 99" in shown and "keep_result" in shown, shown
    assert "call 1: status 0, 1 bytes of reply" in shown, shown


@test
def gdb_after_a_fault(_card):
    shown = fmsdk_gdb("faults", "null-write", "continue", "bt", "set variable $pc = $pc + 4", "signal 0")
    assert "SIGSEGV" in shown and "fault_null_write" in shown and "exited normally" in shown, shown
    shown = fmsdk_gdb("faults", "null-write", "continue", "continue")
    assert "terminated with signal SIGSEGV" in shown, shown


@test
def gdbserver_on_a_pipe(_card):
    shown = gdb(FMS / "echo.elf", "set remotetimeout 600",
                f"target remote | {BIN}/fmsdk gdbserver {FMS}/echo.elf --hex 00ff", "hbreak on_message", "continue",
                "p/x *(unsigned char *)($a1 + 1)", "set var *(int *)$pc = 0", "detach")
    assert "= 0xff" in shown and "Cannot access memory" in shown, shown


@test
def profile_counts_functions_and_lines(card):
    tracefile = card.file("crashy.info")
    arguments = ("fmsdk", "profile", FMS / "crashy.elf", "--text", "add 2 3", "--repeat", "4", "--json")
    result = run(*arguments, "--lcov", tracefile).expect(0).json()
    functions = {function["name"]: function for function in result["functions"]}
    assert functions["write_slot"]["calls"] == 4 and functions["on_message"]["calls"] == 4, functions
    assert functions["Startup"]["calls"] == 1 and functions["crash"]["calls"] == 0, functions
    assert result["instructions"] == sum(function["instructions"] for function in result["functions"]), result
    assert run(*arguments).expect(0).json()["functions"] == result["functions"], "counts are exact"
    trace = tracefile.read_text()
    assert "FNDA:4,write_slot\n" in trace and "FNDA:0,crash\n" in trace, trace
    lines = dict(line[3:].split(",")[:2] for line in trace.splitlines() if line.startswith("DA:"))
    assert "4" in lines.values() and "0" in lines.values(), trace
    faulted = run("fmsdk", "profile", FMS / "crashy.elf", "--text", "crash").expect(4)
    assert "write_slot" in faulted.out and "HALTED" in faulted.err, faulted.err


@test
def profile_reads_standard_input_once(_card):
    done = run("fmsdk", "profile", FMS / "echo.elf", "--file", "-", stdin=b"five!").expect(0)
    assert "call 1: status 0, 5 bytes of reply" in done.err, done.err


@test
def genhtml_opens_what_profile_writes(card):
    """Every source that is named is there: those of the SDK too, wherever one stands."""
    run("fmsdk", "new", "hello", cwd=card.directory).expect(0)
    project = card.file("hello")
    subprocess.run(["make", "-C", project], check=True, capture_output=True, env=environment(card.home))
    run("fmsdk", "profile", "obj/hello.elf", "--text", "world", "--lcov", "hello.info", cwd=project).expect(0)
    sources = re.findall("^SF:(.*)", (project / "hello.info").read_text(), re.MULTILINE)
    assert any(source.endswith("/fmsdk/src/crt0.c") for source in sources), sources
    assert all((project / source).is_file() for source in sources), sources
    if shutil.which("genhtml") is None:
        raise Skip("lcov is not installed")
    done = subprocess.run(["genhtml", "-o", "html", "hello.info"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and (project / "html/index.html").is_file(), done.stdout + done.stderr


LONG = ("--text", "400000000") * 100  # instructions, nearly as many as a call may have; far from the end when it is killed


def running(card, *arguments, stdin=subprocess.DEVNULL):
    """fmsdk with an FM that does not come to its end, in a session and with a directory for temporary files of its own."""
    card.file("tmp").mkdir(exist_ok=True)
    return subprocess.Popen([BIN / "fmsdk", *map(str, arguments)], env=dict(environment(card.home), TMPDIR=card.file("tmp")),
                            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def processes_of(session):
    """Programs of a session that run."""
    done = subprocess.run(["ps", "-o", "args=", "--sid", str(session)], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if "<defunct>" not in line]


def servers():
    """The FM's sides of gdb, which gives each a session of its own."""
    done = subprocess.run(["pgrep", "-f", f"{BIN}/fmsdk'? gdbserver .*slow.elf"], capture_output=True, text=True, check=False)
    return done.stdout.split()


def until(condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@test
def nothing_is_left_of_a_killed_run(card):
    """Whatever ends fmsdk while its FM runs: no file stays, nor a process."""
    before = {path for path in os.listdir("/tmp") if path.startswith("fmsdk-")}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        for command in ("run", "profile"):
            process = running(card, command, FMS / "slow.elf", *LONG)
            until(lambda pid=process.pid: cpu_seconds(pid) > 0.5)
            process.send_signal(number)
            assert process.wait(timeout=LIMIT_S) == -number, command
            process.stdout.close()
            assert os.listdir(card.file("tmp")) == [], (command, number)
            assert processes_of(process.pid) == []
    assert {path for path in os.listdir("/tmp") if path.startswith("fmsdk-")} <= before, "left in /tmp"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def gdb_ends_with_fmsdk(card):
    """At its prompt, and while the FM runs."""
    for number, commands in ((signal.SIGTERM, ()), (signal.SIGHUP, ()), (signal.SIGTERM, ("--ex", "continue"))):
        process = running(card, "gdb", *LONG, "--ex", "echo READY\\n", *commands, FMS / "slow.elf",
                          stdin=subprocess.PIPE)
        shown = b""
        while b"READY" not in shown:
            shown += os.read(process.stdout.fileno(), 4096) or b"READY: not at all"
        assert b"not at all" not in shown, shown
        time.sleep(0.5)
        process.send_signal(number)
        process.wait(timeout=LIMIT_S)
        until(lambda session=process.pid: not processes_of(session))
        until(lambda: not servers())
        process.stdin.close()
        process.stdout.close()
        assert os.listdir(card.file("tmp")) == []


@test
def fmsdk_refuses(card):
    run("fmsdk", "profile", FMS / "echo.elf", "--hex", "0x1").refuses(2, "not hexadecimal")
    run("fmsdk", "gdb", card.file("nothing")).refuses(3, "the FM")
    text = card.file("text")
    text.write_text("no FM")
    run("fmsdk", "profile", text).refuses(1, "")
    run("enquiry", "--card", f"sim:,debug=unix:{card.file('gdb')}").expect(0, ["DEBUG"])
