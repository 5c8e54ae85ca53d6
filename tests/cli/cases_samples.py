# SPDX-License-Identifier: GPL-2.0-or-later
"""The samples as a developer meets them: each host program built by its own Makefile, and talking to its FM."""

import re
import subprocess

from harness import HOST_LIBRARY, LIMIT_S, TOP, Result, environment, test


def host_program(card, name):
    """Builds it over the library of build/, and returns how to run it."""
    where = [f"OUT={card.directory}", *HOST_LIBRARY]
    done = subprocess.run(["make", "-C", TOP / "fmsdk/samples" / name, "host", *where], capture_output=True, text=True,
                          env=environment(card.home), check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    def program(*arguments, stdin=""):
        command = [card.file(f"{name}-host"), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment(card.home),
                              timeout=LIMIT_S, check=False)
        return Result(" ".join(map(str, command)), done.returncode, done.stdout, done.stderr)

    return program


@test
def sample_pin_counts_tries(card):
    card.load_fm("pin")
    pin = host_program(card, "pin")
    pin(card.selector, "status").expect(4)
    pin(card.selector, "set", stdin="4711\n12345678\n").expect(0)
    pin(card.selector, "verify", stdin="4711\n").expect(0, "right")
    for _ in range(2):
        pin(card.selector, "verify", stdin="0815\n").expect(1)
    pin(card.selector, "verify", stdin="4711\n").expect(0, "right")  # and the counter is full again
    for _ in range(3):
        pin(card.selector, "verify", stdin="0815\n")
    pin(card.selector, "verify", stdin="4711\n").expect(3)
    pin(card.selector, "unblock", stdin="12345678\n1234\n").expect(0)
    pin(card.selector, "verify", stdin="1234\n").expect(0, "right")
    pin(card.selector, "verify").expect(2, err="needs 1 line(s)")
    pin("sim:" + str(card.file("other")), "status").expect(4, err="pin-host: ")


@test
def sample_wallet_signs_under_its_rule(card):
    card.load_fm("wallet")
    wallet = host_program(card, "wallet")
    wallet(card.selector, "pay", "alice", "10").expect(5)
    wallet(card.selector, "init", "1000", "86400", "alice", "bob").expect(0)
    paid = wallet(card.selector, "pay", "alice", "250").expect(0, "pay alice 250 ").out.splitlines()
    assert re.fullmatch("[0-9a-f]{128}", paid[1]), paid  # the program has verified it
    wallet(card.selector, "pay", "mallory", "1").expect(4)
    wallet(card.selector, "pay", "bob", "751").expect(3)
    wallet(card.selector, "status").expect(0, "spent 250 of 1000")


@test
def sample_tokens_are_checked_without_the_card(card):
    card.load_fm("tokens")
    tokens = host_program(card, "tokens")
    key = card.file("key.pem")
    key.write_text(tokens(card.selector, "public").expect(0, "BEGIN PUBLIC KEY").out)
    token = tokens(card.selector, "issue", "alice").expect(0, "alice.").out.strip()
    assert tokens("--key", key, "check", token).expect(0).out == "alice\n"
    tokens("--key", key, "check", token.replace("alice", "mallory")).expect(1)
    for _ in range(4):
        tokens(card.selector, "issue", "bob").expect(0)
    if tokens(card.selector, "issue", "bob").code == 0:  # one comes back each minute
        tokens(card.selector, "issue", "bob").expect(3, err="status 3")
