# SPDX-License-Identifier: GPL-2.0-or-later
"""What ctfm shows of FMs: capacity, one FM with all that belongs to it, the log, progress."""

from harness import run_on_terminal, test


@test
def list_shows_capacity_and_quotas(card):
    card.load_fm("echo")
    image_size = card.image("echo").stat().st_size
    card.ctfm("q").expect(0, ["FMs:             1 of 32\n", f"ROM in use:      {image_size}, at most 4194304 for one FM\n",
                              "Memory:          at most 2097152 for one FM\n", f"ROM size:        {image_size}\n",
                              "Memory size:     ", "Status:          Enabled\n", "Startup Status:  OK\n"])
    listed = card.ctfm("list", "--json").json()
    assert listed["fm_count"] == 1 and listed["fm_bytes"] == image_size and listed["fm_memory_max"] == 2097152, listed


@test
def show_one_fm(card):
    card.load_fm("vault")
    card.load_fm("crashy")
    card.fmcall("a002", "crash").expect(4)
    text = card.ctfm("show", "a002").expect(0, ["FM ID:           a002\n", "Label:           crashy\n",
                                                "Serial:          1\n", "of 4194304\n", "of 2097152\n",
                                                "Signer:          signer\n", "store access fault at 0x00000000",
                                                "`ctfm faults --sequence 1`", "Calls:           0 since"]).out
    assert "vault" not in text, text
    shown = card.ctfm("s", "0xA001", "--json").expect(0).json()
    assert shown["fm"]["product"] == "vault" and shown["last_fault"] is None and shown["log"] == [], shown
    assert shown["certificate"]["label"] == "signer" and len(shown["certificate"]["fingerprint"]) == 64, shown
    assert shown["fm_image_max"] == 4194304 and shown["fm_memory_max"] == 2097152, shown
    card.ctfm("show", "a000").refuses(3, "cannot show FM a000: it is not on the card", "ctfm list")
    card.ctfm("show", "9999").refuses(2, "no FM ID")


@test
def log_of_fms(card):
    card.ctfm("log").expect(0)
    card.load_fm("startup-error")
    assert card.ctfm("log").expect(0).out == "a0f2 start-up gives up with 7\n"
    assert card.ctfm("log", "--fm", "a0f2").expect(0).out == "a0f2 start-up gives up with 7\n"
    assert card.ctfm("log", "--fm", "a000").expect(0).out == ""
    logged = card.ctfm("log", "--json").json()["lines"]
    assert logged == [{"id": "a0f2", "text": "start-up gives up with 7"}], logged
    card.ctfm("log", "--fm", "frob").refuses(2, "no FM ID")
    card.ctfm("show", "a0f2").expect(0, ["Status:          Failed, did not start\n",
                                         "Startup Status:  Failed (7)\n", "Log:             1 line\n",
                                         "  start-up gives up with 7\n"])


@test
def progress_on_a_terminal_only(card):
    arguments = ("ctfm", "--card", card.selector, "load", "-f", card.image("big"), "-c", card.signer.certificate)
    code, shown = run_on_terminal("", *arguments)
    assert code == 0 and "] 100 %" in shown and "\rloading " in shown, (code, shown)
    code, shown = run_on_terminal("", *arguments, "--quiet")
    assert code == 0 and "%" not in shown, (code, shown)
    loaded = card.ctfm("load", "-f", card.image("big"), "-l", "signer").expect(0)
    assert "%" not in loaded.err and "\r" not in loaded.err, loaded.err
