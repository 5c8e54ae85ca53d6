# SPDX-License-Identifier: GPL-2.0-or-later
"""hsm: from a card as delivered to one that is decommissioned; passwords from files and from the terminal."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import termios
import time

from harness import (BIN, ESN, LIMIT_S, SO_PASSWORD, environment, run, run_on_terminal, shown_until, started_on_terminal,
                     test, write_password)


def shown(card):
    return card.hsm("show", "--json").expect(0).json()["status"]


def ready(card):
    """Initialise it and allow FMs, as a person does."""
    card.hsm("init", "--label", "lab", "--yes").expect(0, "The HSM is initialised: label 'lab'; verified.")
    card.hsm("policy", "set", "fm", "on", "--yes").expect(0, "Policy fm = on; verified.")


@test
def as_delivered(card):
    card.hsm("show").expect(0, ["state     PRE-INIT", "initialised     no", "no HSM SO", "FMs allowed     no (and never were)"])
    run("ctfm", "--card", card.as_delivered, "list").refuses(4, "not initialised", "hsm init")
    run("ctfm", "--card", card.as_delivered, "load", "-f", card.image("echo")).refuses(4, "not initialised")
    run("fmcall", "--card", card.as_delivered, "a000", "x").refuses(4, "not initialised", "hsm init")
    run("enquiry", "--card", card.as_delivered, "--verbose").expect(0, [" mode                 pre-initialisation\n",
                                                                        " initialised          no\n"])
    card.hsm("policy", "set", "fm", "on", "--yes").refuses(4, "not initialised")


@test
def init_allows_fms_to_come(card):
    card.hsm("init", "--label", "lab").expect(0, "It takes no FMs yet")  # nothing is lost, so nothing is asked
    run("ctfm", "--card", card.as_delivered, "load", "-f", card.image("echo"), "-c", card.signer.certificate).refuses(
        1, "policy does not allow FMs", "hsm policy set fm on")
    card.hsm("policy", "set", "fm", "on").refuses(6, "no terminal", "--yes")
    card.hsm("policy", "set", "fm", "on", "--yes").expect(0)
    run("ctfm", "--card", card.as_delivered, "load", "-f", card.image("echo"), "-c", card.signer.certificate).expect(0)
    run("fmcall", "--card", card.as_delivered, "a000", "hello").expect(0, "hello\n")
    status = shown(card)
    assert status["initialised"] and status["fms_allowed"] and status["fms_were_allowed"], status
    assert card.hsm("show", "--json").json()["identity"]["label"] == "lab"


@test
def bad_labels_are_refused_before_a_password_is_asked_for(card):
    for label in ("", "two\nlines", "Zoë", "x" * 32):
        run("hsm", "--card", card.as_delivered, "init", "--label", label, variables={"K7HSM_PASSWORD_FILE": ""}).refuses(
            2, "the label", "1 to 31 printable ASCII characters")
    assert not shown(card)["initialised"]
    card.hsm("init", "--label", "x" * 31).expect(0)


@test
def the_option_that_is_missing_is_named(card):
    ready(card)
    card.hsm("change-password").refuses(6, "no terminal", "give --new-password-file FILE")
    run("hsm", "--card", card.as_delivered, "change-password", variables={"K7HSM_PASSWORD_FILE": ""}).refuses(
        6, "no terminal", "give --password-file FILE")


@test
def without_password_nothing_is_loaded(card):
    ready(card)
    wrong = write_password(card.file("wrong"), "not the password")
    card.ctfm("load", "-f", card.image("echo"), "--password-file", wrong).refuses(5, "wrong password",
                                                                                  "2 attempts are left")
    card.ctfm("load", "-f", card.image("echo"), "--password-file", card.file("none")).refuses(3, "password file")
    assert card.ctfm("list", "--json").json()["fms"] == []
    assert shown(card)["login_attempts"] == 2
    card.load_fm("echo")
    assert shown(card)["login_attempts"] == 3


@test
def three_wrong_passwords_zeroize(card):
    card.load_fm("vault")
    card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)
    wrong = write_password(card.file("wrong"), "not the password")
    for left in ("2 attempts are left", "1 attempt is left"):
        card.ctfm("delete", "a001", "--yes", "--password-file", wrong).refuses(5, left, "then the HSM is zeroized")
    card.ctfm("delete", "a001", "--yes", "--password-file", wrong).refuses(5, "third time", "hsm init")
    status = shown(card)
    assert not status["initialised"] and status["smfs_files"] == 0 and status["fm_count"] == 1, status
    assert b"swordfish4711" not in card.store.read_bytes()
    card.hsm("init", "--label", "again").expect(0)
    assert card.fmcall("a001", "get pin").out.strip() != "swordfish4711"


@test
def passwords_are_changed(card):
    ready(card)
    new = write_password(card.file("new"), "a new password")
    card.hsm("change-password", "--new-password-file", new).expect(0, "verified")
    card.hsm("policy", "set", "fault", "isolate").refuses(5, "wrong password")
    card.hsm("policy", "set", "fault", "isolate", "--password-file", new).expect(0, "fault = isolate; verified")
    short = write_password(card.file("short"), "short")
    card.hsm("change-password", "--password-file", new, "--new-password-file", short).refuses(2, "8 to 255")


@test
def init_again_erases_the_smfs(card):
    card.load_fm("vault")
    card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)
    card.hsm("init", "--label", "again").refuses(6, "no terminal")
    before = shown(card)
    code, text = run_on_terminal("y", "hsm", "--card", card.as_delivered, "init", "--label", "again")
    assert code == 6 and ESN in text and "1 file in" in text and "Will be lost" in text, text
    assert shown(card)["smfs_generation"] == before["smfs_generation"]
    code, text = run_on_terminal(ESN, "hsm", "--card", card.as_delivered, "init", "--label", "again")
    assert code == 0 and "verified" in text, text
    after = shown(card)
    assert after["smfs_files"] == 0 and after["fm_count"] == 1, after
    assert SO_PASSWORD.encode() not in card.store.read_bytes()


@test
def the_ends_of_an_hsm(card):
    card.load_fm("vault")
    card.fmcall("a001", "put pin 0815").expect(0)
    for command in ("zeroize", "factory-reset", "decommission"):
        card.hsm(command).refuses(6, "no terminal", "--yes")
    assert shown(card)["smfs_files"] == 1
    card.hsm("zeroize", "--yes").expect(0, ["zeroized; verified", "FMs were not touched (1)", "is PRE-INIT"])
    done = card.hsm("factory-reset", "--yes", "--json").expect(0).json()
    assert done["verified"] and done["after"]["fm_count"] == 0 and not done["after"]["fms_allowed"], done
    card.hsm("decommission", "--yes").expect(0, "decommissioned; verified")
    card.hsm("show").expect(0, ["initialised     no (decommissioned)", "FMs allowed     no (but they were)"])


@test
def policies(card):
    ready(card)
    listed = {policy["name"]: policy for policy in card.hsm("policy", "list", "--json").expect(0).json()["policies"]}
    assert listed["fm"]["value"] == 1 and listed["fm"]["number"] == 50 and listed["fm"]["destructive"], listed
    assert listed["smfs-auto-activation"]["value_text"] == "on", listed
    card.hsm("policy", "list").expect(0, ["50  fm = on", "1000  fault = halt"])
    card.hsm("policy", "set", "frob", "on").refuses(2, "no policy", "hsm policy list")
    card.hsm("policy", "set", "fm", "maybe").refuses(2, "no value of policy fm", "off or on")
    card.hsm("policy", "set", "49", "1").refuses(3, "no policy 49")
    card.load_fm("echo")
    card.hsm("policy", "set", "50", "0", "--yes").expect(0, "fm = off; verified")
    assert shown(card)["fm_count"] == 0


@test
def smfs_is_looked_at(card):
    ready(card)
    card.load_fm("vault")
    card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)
    info = card.hsm("smfs", "info", "--json").expect(0).json()
    assert info["smfs"]["files"] == 1 and info["smfs"]["active"], info
    card.hsm("smfs", "check").expect(0)
    damage_a_block(card.store)
    done = card.hsm("smfs", "check", "--json").expect(1).json()
    assert done["smfs_check"]["findings"], done


def damage_a_block(store):
    """One byte in the middle of a sealed block of a file; the card's file, not the card, is asked."""
    with sqlite3.connect(store) as database:
        for number, sealed in database.execute("SELECT id, sealed FROM smfs_block").fetchall():
            changed = bytearray(sealed)
            changed[100] ^= 1
            database.execute("UPDATE smfs_block SET sealed = ? WHERE id = ?", (bytes(changed), number))


@test
def an_isolated_fm(card):
    ready(card)
    card.hsm("policy", "set", "fault", "isolate").expect(0)
    card.load_fm("crashy-startup")
    card.load_fm("echo")
    card.fmcall("a000", "hello").expect(0, "hello\n")
    card.fmcall("a002", "hello").refuses(1, "faulted and is stopped", "FM a002 faulted at pc", "ctfm faults")
    assert "Faulted, stopped" in card.ctfm("list").expect(0).out
    card.ctfm("delete", "a002", "--yes").expect(0, "verified")


@test
def a_readable_password_file_is_warned_of(card):
    ready(card)
    loose = write_password(card.file("loose"), SO_PASSWORD)
    loose.chmod(0o644)
    card.hsm("policy", "set", "fault", "halt", "--password-file", loose).expect(0, err="chmod 600")


@test
def a_password_file_that_is_no_text_costs_no_attempt(card):
    ready(card)
    for _ in range(3):
        utf16 = write_password(card.file("utf16"), "\0".join(SO_PASSWORD) + "\0")
        card.hsm("policy", "set", "fault", "halt", "--password-file", utf16).refuses(1, "NUL byte", "not as UTF-16")
    card.hsm("policy", "set", "fault", "halt").expect(0)
    write_password(utf16, "")
    card.hsm("policy", "set", "fault", "halt", "--password-file", utf16).refuses(1, "is empty")


@test
def a_command_while_the_so_is_logged_in(card):
    ready(card)
    card.hsm("login", "--", "sh", "-c", "echo $1; exit 7", "sh", "hello").expect(7, "hello\n")
    wrong = write_password(card.file("wrong"), "not the password")
    assert "ran" not in card.hsm("login", "--password-file", wrong, "--", "echo", "ran").refuses(5, "wrong password").out
    card.hsm("login", "--", "/no/such/program").refuses(3, "/no/such/program")


@test
def logout_says_that_there_was_nobody(card):
    ready(card)
    card.hsm("logout").expect(0, "No `hsm login` was in progress.\n")
    assert card.hsm("logout", "--json").expect(0).json()["ended"] == 0


@test
def a_command_gets_its_signals_as_usual(card):
    ready(card)
    status = card.hsm("login", "--", "grep", "^SigIgn", "/proc/self/status").expect(0).out
    assert int(status.split()[1], 16) & 1 << signal.SIGPIPE - 1 == 0, status
    shown = card.hsm("login", "--", "sh", "-c", "yes | head -1").expect(0, "y\n")
    assert shown.err == "", shown.err


@test
def what_ends_login_ends_its_command(card):
    ready(card)
    for number, ends in ((signal.SIGTERM, True), (signal.SIGHUP, True), (signal.SIGINT, False)):
        with subprocess.Popen([BIN / "hsm", "--card", card.as_delivered, "login", "--", "sh", "-c",
                               "trap 'exit 9' TERM HUP; echo $$; read line; echo done; exit 3"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=environment(card.home), text=True) as process:
            child = int(process.stdout.readline())
            process.send_signal(number)
            if not ends:
                time.sleep(0.2)  # it is the command's: hsm must outlive it
                process.stdin.write("go on\n")
                process.stdin.flush()
            assert process.wait(timeout=LIMIT_S) == (9 if ends else 3), number
            assert not os.path.exists(f"/proc/{child}"), "the command goes on without the login"


@test
def standard_input_is_one_password(card):
    password = SO_PASSWORD.encode() + b"\n"

    def by_input(*arguments, stdin=password):
        return run("hsm", "--card", card.as_delivered, *arguments, stdin=stdin, home=card.home)

    by_input("init", "--label", "one", "--password-file", "-").expect(0, "verified")
    by_input("init", "--label", "two", "--password-file", "-", "--yes").expect(0, "verified")
    card.hsm("policy", "set", "fault", "isolate").expect(0)  # it is the password still
    new = write_password(card.file("new"), "a new password")
    by_input("init", "--label", "three", "--password-file", "-", "--new-password-file", new, "--yes").expect(0, "verified")
    both = ("--password-file", "-", "--new-password-file", "-")
    by_input("change-password", *both).refuses(2, "cannot be two inputs", "as a file")
    by_input("init", "--label", "four", *both).refuses(2, "cannot be two inputs")
    by_input("change-password", "--password-file", new, "--new-password-file", "-").expect(0, "verified")
    card.hsm("policy", "set", "fault", "halt").expect(0)


def echoes(terminal):
    return termios.tcgetattr(terminal)[3] & termios.ECHO != 0


def asked_for_password(card):
    """A tool that waits for a password on a terminal."""
    process, master, slave = started_on_terminal("hsm", "--card", card.as_delivered, "policy", "set", "fault", "halt",
                                                 variables={"K7HSM_PASSWORD_FILE": ""})
    shown_until(master, "password: ")
    assert not echoes(slave)
    return process, master, slave


@test
def signals_at_the_prompt_leave_a_terminal_with_echo(card):
    ready(card)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        process, master, slave = asked_for_password(card)
        if number == signal.SIGINT:
            os.write(master, b"secret\x03")
        else:
            process.send_signal(number)
        assert process.wait(timeout=LIMIT_S) == -number
        assert echoes(slave), number
        os.close(master)
        os.close(slave)


@test
def a_stopped_prompt_leaves_a_terminal_with_echo(card):
    """Ctrl-Z, a look at the terminal, and back."""
    ready(card)
    command = f"{BIN}/hsm --card {card.as_delivered} policy set fault isolate"
    script = f"{command}; stty -a; echo BACK; fg; echo code=$?; stty -a; echo END"
    child, master = pty.fork()
    if child == 0:
        os.execvpe("bash", ["bash", "--norc", "-mc", script],
                   dict(environment("/tmp"), K7HSM_PASSWORD_FILE=""))
    shown_until(master, "password: ")
    os.write(master, b"\x1a")
    stopped = shown_until(master, "BACK\r\n")
    assert re.search(r"[^-]echo\b", stopped), stopped
    end = time.monotonic() + LIMIT_S
    while echoes(master):  # until it goes on
        assert time.monotonic() < end
        time.sleep(0.02)
    os.write(master, SO_PASSWORD.encode() + b"\n")
    shown = shown_until(master, "END\r\n")
    os.waitpid(child, 0)
    os.close(master)
    assert "verified" in shown and "code=0" in shown and SO_PASSWORD not in shown, shown
    assert re.search(r"[^-]echo\b", shown.partition("code=0")[2]), shown


@test
def restart(card):
    card.hsm("restart").expect(0, "PRE-INIT")
    ready(card)
    card.hsm("restart").expect(0, "OPERATIONAL")
