# SPDX-License-Identifier: GPL-2.0-or-later
"""fmsdk: projects that build, FMs that run, faults that are explained."""

import pathlib
import shutil
import subprocess
import tempfile

from harness import FMS, HOST_LIBRARY, Skip, environment, run, test


def make(directory, *arguments, works=True):
    """Build as a developer does, in a directory of their own. Returns what make says."""
    done = subprocess.run(["make", "-C", directory, *arguments], capture_output=True, text=True, check=False,
                          env=environment("/nonexistent"))
    assert (done.returncode == 0) == works, done.stdout + done.stderr
    return done.stdout + done.stderr


def new(parent, name, *options):
    run("fmsdk", "new", *options, pathlib.Path(parent) / name).refuses(2, "is no name")  # a name, not a path
    return run("fmsdk", "new", *options, name, cwd=parent).expect(0, f"Made {name}/{name}.")


@test
def new_projects_build_and_run(_card):
    with tempfile.TemporaryDirectory() as parent:
        new(parent, "hello")
        make(f"{parent}/hello")
        elf = f"{parent}/hello/obj/hello.elf"
        assert run("fmsdk", "run", elf, "--text", "world", "--text", "moon").expect(0).out == \
            "hello, world\nhello, moon\n"
        new(parent, "counter", "--cpp", "--id", "a321")
        make(f"{parent}/counter")
        result = run("fmsdk", "run", f"{parent}/counter/obj/counter.elf", "--text", "", "--text", "", "--json")
        replies = result.expect(0).json()
        assert replies["id"] == "a321", replies
        assert [bytes.fromhex(reply["reply_hex"]) for reply in replies["replies"]] == \
            [b"hello, visitor 1", b"hello, visitor 2"], replies
        run("fmsdk", "new", "hello", cwd=parent).refuses(1, "it exists")


@test
def new_projects_have_a_test_that_can_fail(_card):
    with tempfile.TemporaryDirectory() as parent:
        for name, options in (("hello", ()), ("counter", ("--cpp",))):
            new(parent, name, *options)
            shown = make(f"{parent}/{name}", "test", *HOST_LIBRARY)
            assert "ok it is greeted" in shown and "not ok" not in shown, shown
        source = pathlib.Path(parent) / "hello/hello.c"
        source.write_text(source.read_text().replace("hello, ", "howdy, "))
        done = make(f"{parent}/hello", "test", *HOST_LIBRARY, works=False)
        assert "not ok it is greeted" in done, done
        source.write_text(source.read_text().replace("FM_RV Startup(void)\n{", "FM_RV Startup(void)\n{ __builtin_trap();"))
        done = make(f"{parent}/hello", "test", *HOST_LIBRARY, works=False)
        assert "HALTED" in done or "halted" in done, done


@test
def new_projects_build_with_clang(_card):
    if shutil.which("clang") is None or shutil.which("ld.lld") is None:
        raise Skip("no clang")
    with tempfile.TemporaryDirectory() as parent:
        for options in ((), ("--cpp",)):
            name = "cpp" if options else "c"
            new(parent, name, *options)
            make(f"{parent}/{name}", "FM_CC=clang")
            run("fmsdk", "run", f"{parent}/{name}/obj/{name}.elf", "--text", "x").expect(0, "hello, ")


@test
def run_takes_requests_in_every_form(card):
    request = pathlib.Path(card.directory) / "request"
    request.write_bytes(b"from a file")
    echo = FMS / "echo.elf"
    assert run("fmsdk", "run", echo).expect(0).out == ""
    assert run("fmsdk", "run", echo, "--hex", "00 ff", "--hex", "41").expect(0).out == "00ff\nA\n"
    assert run("fmsdk", "run", echo, "--file", request).expect(0).out == "from a file\n"
    assert run("fmsdk", "run", echo, "--file", "-", stdin=b"typed").expect(0).out == "typed\n"
    run("fmsdk", "run", echo, "--hex", "0").refuses(2, "half a byte")
    run("fmsdk", "run", echo, "--hex", "xy").refuses(2, "not hexadecimal")
    run("fmsdk", "run", echo, "--hex", "00", "--text", "x").refuses(2)
    run("fmsdk", "run", "/no/such/fm").refuses(3, "/no/such/fm")


@test
def run_explains_faults_and_shows_the_log(_card):
    fault = run("fmsdk", "run", FMS / "crashy.elf", "--text", "hello", "--text", "crash")
    fault.expect(4, ("hello from crashy 1.0", "write_slot", "crashy.c"))
    run("fmsdk", "run", FMS / "startup-fault.elf").expect(4, "fault_at_startup")
    run("fmsdk", "run", FMS / "startup-abort.elf").expect(4, "abort", err="a0f4 start-up aborts")
    run("fmsdk", "run", FMS / "startup-error.elf").expect(1, err=("a0f2 start-up gives up with 7", "returned 7"))
    run("fmsdk", "run", FMS / "crashy.elf", "--text", "jump").expect(1, err="status 2")
