# SPDX-License-Identifier: GPL-2.0-or-later
"""The C calls of hsm/md.h: a C program over in-process cards."""

import os
import subprocess

from harness import BIN, LIMIT_S, TOP, environment, test


def md_test(card, cards, count):
    variables = dict(environment(card.home), K7HSM_CARDS=cards)
    return subprocess.run([BIN.parent / "tests" / "md_test", str(count)], env=variables, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)


@test
def md_calls_from_c(card):
    for name in ("echo", "crashy", "slow"):
        card.load_fm(name)
    done = md_test(card, f"{card.selector};sim:{card.file('other.db')}", 2)
    assert done.returncode == 0 and done.stdout == "ok\n", done


@test
def md_cards_that_cannot_be_opened(card):
    """They are counted, and each call says why it fails."""
    done = md_test(card, f"sim:/no/such/place/store;{card.file('none')};;nonsense", 3)
    assert done.returncode == 1 and "/no/such/place/store" in done.stdout, done
    assert "not count == expected" not in done.stdout, done


@test
def md_example_of_the_documents(card):
    card.load_fm("echo")
    program = (TOP / "docs" / "host-api.md").read_text().split("```c\n")[1].split("```")[0]
    card.file("hello.c").write_text(program)
    subprocess.run(["gcc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", f"-I{TOP}/include", card.file("hello.c"),
                    "-o", card.file("hello"), f"{TOP}/build/lib/libhsm.so.0", f"-Wl,-rpath,{TOP}/build/lib"], check=True)
    done = subprocess.run([card.file("hello")], env=dict(os.environ, K7HSM_CARDS=card.selector), capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0 and done.stdout == "status 0, hello\n", done
    alone = subprocess.run([card.file("hello")], env=dict(os.environ, K7HSM_CARDS="nonsense"), capture_output=True,
                           text=True, timeout=LIMIT_S, check=False)
    assert alone.returncode == 1 and "'nonsense' names no card" in alone.stderr, alone
