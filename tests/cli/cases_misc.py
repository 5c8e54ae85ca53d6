# SPDX-License-Identifier: GPL-2.0-or-later
"""Naming cards, permissions, options, enquiry, fmcall, k7reset."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess

from harness import BIN, ESN, TOP, Skip, environment, run, subcommands, test

TOOLS = ("ctfm", "enquiry", "fmcall", "fmrecover", "fmsdk", "hsm", "k7reset", "mkfm")
NOBODY = 65534
EXPERIMENTAL_MAJOR = 240


@test
def help_and_version(_card):
    for tool in TOOLS:
        assert "Exit codes: 0 done" in run(tool, "--help").expect(0).out
        run(tool, "--version").expect(0, f"{tool} (k7hsm) ")


@test
def usage_errors(card):
    for arguments in (("fmrecover",), ("fmrecover", "--fm"), ("fmrecover", card.selector), ("ctfm",), ("ctfm", "frob"),
                      ("ctfm", "load"), ("k7reset", "--kind", "frob", card.selector), ("mkfm",),
                      ("mkfm", "-f", "x"), ("enquiry", "--frob"), ("enquiry", "--timeout", "0"), ("fmcall",),
                      ("fmsdk",), ("fmsdk", "run"),
                      ("fmcall", "a000", "x", "--in", "y"), ("k7reset", "--kind", "bus", "--mode", "maintenance",
                                                            card.selector)):
        run(*arguments).refuses(2)


@test
def fm_ids_that_are_none(card):
    for number in ("9fff", "b000", "xyz", ""):
        card.fmcall(number, "x").refuses(2, "no FM ID", "a000 to afff")
        card.ctfm("delete", number, "--yes").refuses(2, "no FM ID")
    card.fmcall("a00f", "x").refuses(3, "no FM with this ID is loaded", "ctfm list")


@test
def cards_that_are_none(card):
    for tool, *arguments in (("fmrecover", "--fm", "--yes"), ("k7reset",)):
        run(tool, *arguments, "/dev/k7pf77").refuses(3, "no such node", "enquiry")
        run(tool, *arguments, "/dev/null").refuses(3, "/dev/null is not a K7 card")
        run(tool, *arguments, card.directory).refuses(3, "is not a K7 card")
        run(tool, *arguments, "card").refuses(2, "names no card")
        run(tool, *arguments, "sim:/no/such/place/store").refuses(1, "/no/such/place/store")
        run(tool, *arguments, f"sim:{card.store},esn=FFFF-FFFF-FFFFF").refuses(1, "esn")


@test
def no_card_on_this_host(_card):
    if os.path.exists("/sys/class/k7hsm") and os.listdir("/sys/class/k7hsm"):
        raise Skip("this host has a card")
    for arguments in (("ctfm", "list"), ("enquiry",), ("fmcall", "a000"), ("k7reset",), ("fmrecover", "--fm", "FFFF-FFFF-FFFF"),
                      ("k7reset", "0000:ff:1f.7")):
        run(*arguments).refuses(3, "no K7 card is on this host's PCI bus")
    run("enquiry", "-m0").expect(0, ["Server:\n", " enquiry reply flags  Failed\n"])


@test
def node_without_permission(card):
    """A node as the driver's would be, of a driver that is not there: root gets ENXIO, others EACCES."""
    node = "/dev/k7cli-test"
    try:
        os.mknod(node, stat.S_IFCHR | 0o660, os.makedev(EXPERIMENTAL_MAJOR, 77))
    except OSError as error:
        raise Skip(f"cannot make a node: {error}") from error
    try:
        os.chown(node, 0, 12)
        os.chmod(node, 0o660)
        run("k7reset", node).refuses(4, "the card is gone")
        os.chmod(card.directory, 0o755)
        group = subprocess.run(["stat", "-c", "%G", node], capture_output=True, text=True, check=True).stdout.strip()
        run("fmrecover", "--fm", "--yes", node, user=NOBODY).refuses(5, f"permission denied (root:{group} 0660)",
                                                                     f"join group {group}", "need root")
    finally:
        os.unlink(node)


@test
def store_in_use_by_another(card):
    card.load_fm("echo")
    holder = sqlite3.connect(card.store)
    holder.execute("BEGIN EXCLUSIVE")
    card.ctfm("list").refuses(1, "cannot make the in-process card", "is in use by another card")
    holder.close()
    card.ctfm("list").expect(0)


@test
def store_that_is_none(card):
    card.store.write_text("this is no card store, and it must stay as it is\n" * 100)
    before = card.store.read_bytes()
    card.ctfm("list").refuses(1, "cannot make the in-process card")
    assert card.store.read_bytes() == before


@test
def json_has_schema_and_error(card):
    listed = card.ctfm("list", "--json").expect(0).json()
    assert listed["schema"] == 1 and listed["esn"] == ESN and listed["fms"] == []
    failed = card.fmcall("a00f", "--json").expect(3)
    error = failed.json()["error"]
    assert error["kind"] == "not_found" and error["exit_code"] == 3 and error["card_status"] == 0x20, error
    assert failed.err.count("\n") == 1
    assert run("ctfm", "--json", "frob").expect(2).json()["error"]["kind"] == "usage"


@test
def enquiry_layout(card):
    lines = run("enquiry", "--card", card.selector).expect(0).out.splitlines()
    assert lines[0] == "Server:" and lines[1] == " enquiry reply flags  none"
    module = lines.index("Module #1:")
    assert lines[module + 1] == " enquiry reply flags  none"
    assert f" serial number        {ESN}" in lines[module:]
    assert " mode                 operational" in lines[module:]
    assert lines[-1] == " hardware status      OK"
    for line in lines:
        assert re.fullmatch(r"Server:|Module #\d+:| \S.{19} \S.*", line), line


@test
def enquiry_modules(card):
    run("enquiry", "--card", card.selector, "-m0").expect(0, "Server:")
    assert "Module" not in run("enquiry", "--card", card.selector, "-m", "0").out
    run("enquiry", "--card", card.selector, "-m", "1").expect(0, "Module #1:")
    run("enquiry", "--card", card.selector, "-m", "2").expect(3, "Module #2: Not Present\n", "module 2 is not present")


@test
def enquiry_verdicts(card):
    verdict = run("enquiry", "--card", card.selector, "--json", "--check").expect(0).json()
    assert verdict["healthy"] is True and verdict["modules"][0]["healthy"] is True
    failed = run("enquiry", "--card", card.selector + ",fault=hardware-failed", "--json", "--check").expect(4).json()
    assert failed["healthy"] is False and "FAILED" in failed["modules"][0]["reason"], failed
    gone = run("enquiry", "--card", card.selector + ",fault=link-down", "--check", "--timeout", "20").expect(4)
    assert " enquiry reply flags  Offline" in gone.out, gone.out


@test
def fmcall_requests_and_replies(card):
    card.load_fm("echo")
    card.fmcall("a000", "hello").expect(0, "hello\n")
    card.fmcall("a000", "--text", "hello").expect(0, "hello\n")
    card.fmcall("a000", "-", stdin=b"from stdin").expect(0, "from stdin\n")
    card.file("request").write_bytes(bytes(range(256)) * 256)
    card.fmcall("0xA000", "--in", card.file("request"), "--out", card.file("reply")).expect(0)
    assert card.file("reply").read_bytes() == card.file("request").read_bytes()
    assert card.file("reply").stat().st_mode & 0o777 == 0o600
    card.fmcall("a000", "--in", "-", stdin=b"\0\xff").expect(0, "00ff\n")
    card.fmcall("a000", "hi", "--hex").expect(0, "6869\n")
    card.fmcall("a000", "--in", "-", stdin=b"x" * 65537).refuses(2, "64 KiB")
    assert card.fmcall("a000", "hi", "--json").json()["reply_hex"] == "6869"
    card.fmcall("a000", "--in", card.file("none")).refuses(3, "No such file")


@test
def fmcall_prints_nothing_that_a_terminal_obeys(card):
    card.load_fm("echo")
    for text in ("Zoë ≠ 北京 🔑", "tab\tand\nline", "\u00a0"):
        card.fmcall("a000", "--in", "-", stdin=text.encode()).expect(0, text + "\n")
    for reply in (b"\xc2\x9b2J", b"\x1b[2J", b"\x9b2J", b"\x7f", b"\xc0\x9b", b"\xe0\x82\x9b", b"\xe2\x80\xae", b"\xc2",
                  b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x81\xa6", b"a\xff"):
        card.fmcall("a000", "--in", "-", stdin=reply).expect(0, reply.hex() + "\n")


@test
def fmcall_status_of_the_fm(card):
    card.load_fm("vault")
    card.fmcall("a001", "get nothing").expect(1, err="answered with status ")


@test
def k7reset_kinds_and_modes(card):
    for kind in ("firmware", "card", "function", "bus"):
        run("k7reset", "--kind", kind, card.selector).expect(0, ": OPERATIONAL\n")
    run("k7reset", "--mode", "maintenance", card.selector).expect(0, ": MAINTENANCE")
    run("k7reset", "--mode", "boot-loader", card.selector).expect(0, ": BOOT")
    assert run("k7reset", card.selector, "--json").expect(0).json()["status"]["state"] == "OPERATIONAL"


@test
def activate_the_smfs(card):
    card.ctfm("a").expect(0, "SMFS activated")


@test
def a_closed_output_is_a_failure(card):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "enquiry", "--card", card.selector], stdout=full, stderr=subprocess.PIPE,
                              env=environment(card.home), check=False)
    assert done.returncode == 1 and b"standard output" in done.stderr, done


@test
def secrets_are_in_no_command_line(_card):
    """No tool and no subcommand has an option that takes a password itself."""
    found = {tool: list(subcommands(tool)) for tool in TOOLS}
    assert ["policy", "set"] in found["hsm"] and ["cert"] in found["mkfm"] and [] in found["ctfm"], found
    for tool, commands in found.items():
        for command in commands:
            names = re.findall(r"^ +(-[^ ]+)", run(tool, *command, "--help").expect(0).out, re.MULTILINE)
            options = {name for group in names for name in group.split(",")}
            secret = {option for option in options if re.search("pass|pin$|pin-|secret|puk", option)}
            assert "--help" in options and secret <= {"--password-file", "--new-password-file"}, (tool, command, secret)


def complete(line):
    """What bash offers for the last word of @line."""
    script = f"""
        source {TOP}/packaging/completion/k7hsm.bash
        COMP_WORDS=({line}); [[ '{line}' == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _k7hsm "${{COMP_WORDS[0]}}" "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    variables = dict(environment("/tmp"), PATH=f"{BIN}:{os.environ['PATH']}")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=variables,
                          check=True).stdout.split()


@test
def bash_completion(_card):
    assert {"list", "show", "load", "delete", "activate", "faults", "log"} <= set(complete("ctfm ")), complete("ctfm ")
    assert complete("fmrecover --sm") == ["--smfs"]
    assert complete("ctfm faults --el") == ["--elf"]
    assert complete("ctfm load --allow") == ["--allow-downgrade"]
    assert complete("ctfm log --f") == ["--fm"]
    assert complete("mkfm cert --pro") == ["--provider"]
    assert {"init", "show", "policy"} <= set(complete("hsm ")), complete("hsm ")
    assert complete("hsm policy ") and "list" in complete("hsm policy "), complete("hsm policy ")
    assert "--yes" in complete("hsm policy set --"), complete("hsm policy set --")
    assert complete("ctfm faults --js") == ["--json"]
    assert complete("k7reset --kind fu") == ["function"]
    assert set(complete("fmrecover --")) >= {"--fm", "--smfs", "--yes", "--force", "--dry-run", "--json"}


@test
def limits_of_numbers(_card):
    for seconds in ("0", "601", "nan", "-nan", "inf", "1e999", "x", ""):
        run("enquiry", "--timeout", seconds).refuses(2, "--timeout")
    for seconds in ("0", "601", "-1", "4294967297", "nan"):
        run("k7reset", "x", "--timeout", seconds).refuses(2, "--timeout")


@test
def man_pages(_card):
    """Every tool has one, it renders without a complaint, and names every long option of the tool."""
    for tool in TOOLS:
        page = next((TOP / "build" / "man").glob(f"{tool}.[18]"))
        text = page.read_text()
        assert "EXIT STATUS" in text and "@include" not in text, page
        for arguments in subcommands(tool):
            for option in re.findall(r"(?<=[ ,])--([a-z-]+)", run(tool, *arguments, "--help").out):
                assert re.search(rf"-{option}\b", text) or option.startswith("fm-"), f"{page} lacks --{option}"
        if shutil.which("mandoc"):
            lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True,
                                  check=False)
            assert lint.returncode == 0, lint.stdout


@test
def library_for_other_programs(card):
    """A program outside the tree: public headers only, the shared library, errors caught across it."""
    headers = "".join(f'#include "hsm/{header.name}"\n' for header in sorted((TOP / "include" / "hsm").glob("*.hpp")))
    source = card.file("program.cpp")
    source.write_text(headers + """
        int main() {
            try {
                hsm::Card card = hsm::Card::open("sim:");
                if (card.identity().esn.size() != 14 || card.status().initialised)
                    return 99;
                hsm::Card::open("nonsense");
            } catch (const hsm::Error &error) {
                return static_cast<int>(error.kind());
            }
            return 98;
        }""")
    subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{TOP}/include", source, "-o",
                    card.file("program"), f"{TOP}/build/lib/libhsm.so.0", f"-Wl,-rpath,{TOP}/build/lib"], check=True)
    assert subprocess.run([card.file("program")], check=False).returncode == 2
