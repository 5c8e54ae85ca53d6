# SPDX-License-Identifier: GPL-2.0-or-later
"""The card that an FM halts, and the way back; questions before things are lost; cards that are killed."""

import collections
import signal
import subprocess
import time

from harness import BIN, ESN, environment, run, run_on_terminal, test


def store_secret(card):
    card.load_fm("vault")
    card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)


def secret_of(card):
    return card.fmcall("a001", "get pin").out.strip()


@test
def the_story(card):
    store_secret(card)
    card.load_fm("crashy")
    card.fmcall("a002", "add 2 3").expect(0, "5\n")
    card.fmcall("a002", "crash").refuses(4, "HALTED: FM crashy (a002) store access fault", "ctfm faults", "fmrecover --fm")
    card.load_fm("crashy-startup")
    halted = run("enquiry", "--card", card.selector, "--check")
    halted.expect(4, [" enquiry reply flags  Failed\n", " hardware status      HALTED: FM crashy"])
    card.ctfm("delete", "a002", "--yes").refuses(4, "cannot delete FM a002", "every restart", "fmrecover --fm")
    card.fmcall("a002", "hello").refuses(4, "HALTED")
    card.ctfm("list").refuses(4, "HALTED")
    run("k7reset", card.selector).expect(4, "HALTED")
    started = time.monotonic()
    run("fmrecover", "--fm", "--yes", card.selector).expect(0, ["All FMs erased (2 FMs); verified", "is OPERATIONAL"])
    assert time.monotonic() - started < 40  # of LIMIT_S: nothing that it does waits for a hung card
    run("enquiry", "--card", card.selector, "--check").expect(0, " hardware status      OK\n")
    card.load_fm("vault")
    assert secret_of(card) == "swordfish4711", "the SMFS must outlive fmrecover --fm"
    run("fmrecover", "--smfs", "--yes", card.selector).expect(0, "SMFS erased (1 file); verified")
    assert secret_of(card) != "swordfish4711"
    assert b"swordfish4711" not in card.store.read_bytes()
    card.load_fm("crashy-fixed")
    card.fmcall("a002", "add 2 3").expect(0, "5\n")


@test
def faults_name_the_source_line(card):
    card.load_fm("crashy")
    card.fmcall("a002", "crash").expect(4)
    text = card.ctfm("faults").expect(0).out
    assert "store access fault at address 0x00000000" in text, text
    assert "write_slot at " in text and "crashy.c:" in text, text
    assert "keep_result at " in text.split("Backtrace:")[1], text
    fault = card.ctfm("faults", "--json").json()["fault"]
    assert fault["frames"][0]["function"] == "write_slot" and fault["frames"][0]["line"] > 0, fault
    assert len(fault["registers"]) == 32
    card.ctfm("faults", "--elf", card.image("echo")).refuses(1, "is not the FM of this report")
    card.ctfm("faults", "--sequence", "77").refuses(3, "no fault report 77")


@test
def no_fault(card):
    card.ctfm("faults").expect(0, "no fault report")
    assert card.ctfm("faults", "--json").json()["fault"] is None


@test
def erasing_both(card):
    store_secret(card)
    done = run("fmrecover", "--fm", "--smfs", "--yes", "--json", card.selector).expect(0).json()
    assert done["verified"] is True and done["before"]["fm_count"] == 1 and done["after"]["fm_count"] == 0
    assert done["after"]["smfs_generation"] > done["before"]["smfs_generation"]


@test
def without_terminal_nothing_is_erased(card):
    store_secret(card)
    before = card.content()
    for what in ("--fm", "--smfs"):
        run("fmrecover", what, card.selector).refuses(6, "no terminal", "--yes")
    card.ctfm("delete", "a001").refuses(6, "no terminal", "--yes")
    assert card.content() == before


@test
def dry_run_changes_nothing(card):
    store_secret(card)
    before = card.content()
    shown = run("fmrecover", "--fm", "--smfs", "--dry-run", card.selector).expect(0)
    for part in (ESN, "1 FM,", "1 file in", "Nothing was changed"):
        assert part in shown.out, shown.out
    assert card.content() == before


@test
def questions_on_the_terminal(card):
    store_secret(card)
    before = card.content()
    for arguments, answer in ((("--fm",), "n"), (("--fm",), ""), (("--smfs",), "y"), (("--smfs",), "0123-4567-89AC")):
        code, shown = run_on_terminal(answer, "fmrecover", *arguments, card.selector)
        assert code == 6 and ESN in shown and "Will be lost" in shown and "not confirmed" in shown, (code, shown)
    assert card.content() == before
    code, shown = run_on_terminal(ESN, "fmrecover", "--smfs", card.selector)
    assert code == 0 and "verified" in shown, (code, shown)
    code, shown = run_on_terminal("y", "fmrecover", "--fm", card.selector)
    assert code == 0 and "verified" in shown, (code, shown)
    state, fms = card.content()
    assert fms == [] and state["smfs_files"] == 0


@test
def delete_asks_and_verifies(card):
    card.load_fm("echo")
    card.ctfm("d", "a001", "--yes").refuses(3, "not on the card", "ctfm list")
    card.ctfm("d", "a000", "-f").expect(0, "was deleted; verified")
    assert card.content()[1] == []


@test
def recovery_can_be_repeated(card):
    for _ in range(2):
        run("fmrecover", "--fm", "--yes", card.selector).expect(0, "verified")
        run("fmrecover", "--smfs", "--yes", card.selector).expect(0, "verified")


class Cuts:
    """Runs of a tool that are killed, and with each its card, as in a power cut. One whole run is timed. The first kills
    are spread over that time; then each comes earlier than the last one if that found the work done, later if not, so
    that they gather where old turns into new, however busy the machine is."""

    SPREAD = 10
    LEAST = 25
    MOST = 100

    def __init__(self, card, arguments):
        self.command = [str(BIN / arguments[0])] + [str(argument) for argument in arguments[1:]]
        self.environment = environment(card.home)
        self.found = collections.Counter()  # what kills have found: "old" or "new"
        started = time.monotonic()
        assert self._started().wait() == 0
        self.whole = time.monotonic() - started
        self.delay = self.whole

    def _started(self):
        return subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)

    def rounds(self, enough=lambda: True):
        """Each is a run that was killed or came to its end. found_now() is to be called in it. They end when @enough()
        says so; until then kills are spread once more, over the time that the search has found."""
        for number in range(self.MOST):
            found = number >= self.LEAST and self.found["old"] and self.found["new"]
            if found and enough():
                return
            spread = number < self.SPREAD or found
            whole = self.delay if found else self.whole
            process = self._started()
            time.sleep(whole * (number % self.SPREAD + 0.5) / self.SPREAD if spread else self.delay)
            process.kill()
            self._was_killed = process.wait() == -signal.SIGKILL
            self._searches = not spread
            yield number
        assert self.found["old"] and self.found["new"], f"kills have found {dict(self.found)} in {self.whole} s"

    def found_now(self, state):
        if self._was_killed:
            self.found[state] += 1
        if self._searches:
            self.delay *= 0.96 if state == "new" else 1.04


@test
def killed_while_loading_old_or_new(card):
    card.load_fm("crashy-fixed")  # the certificate is there from now on: runs differ in nothing else
    image = card.image("crashy-fixed")
    cuts = Cuts(card, ("ctfm", "--card", card.selector, "load", "-f", image, "-c", card.signer.certificate))
    new = card.content()[1][0]["fingerprint"]

    def back_to_old():
        card.ctfm("load", "-f", card.image("crashy"), "-l", "signer", "--allow-downgrade").expect(0)
        return card.content()[1][0]["fingerprint"]

    old = back_to_old()
    logins = 0
    for _ in cuts.rounds(lambda: logins > 0):
        logins += card.hsm("show", "--json").expect(0).json()["status"]["login_attempts"] < 3
        card.ctfm("activate").expect(0)  # a login that was cut short counts as wrong until one succeeds
        fms = card.content()[1]
        assert fms is not None and len(fms) == 1 and fms[0]["fingerprint"] in (old, new), fms
        cuts.found_now("new" if fms[0]["fingerprint"] == new else "old")
        if fms[0]["fingerprint"] == new:
            card.fmcall("a002", "add 2 3").expect(0, "5\n")
            back_to_old()
    assert logins > 0, "no login was cut short"


@test
def killed_while_erasing_old_or_new(card):
    store_secret(card)
    cuts = Cuts(card, ("fmrecover", "--smfs", "--yes", card.selector))
    card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)
    for _ in cuts.rounds():
        state = card.content()[0]
        assert state["fm_count"] == 1, "the FM must stay"
        cuts.found_now("new" if state["smfs_files"] == 0 else "old")
        if state["smfs_files"] == 0:
            assert secret_of(card) != "swordfish4711"
            card.fmcall("a001", "--in", "-", stdin=b"put pin swordfish4711").expect(0)
        else:
            assert secret_of(card) == "swordfish4711", "files without their key are half an erase"
