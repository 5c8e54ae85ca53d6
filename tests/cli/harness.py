# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the tools share: running a tool with and without a terminal, a card's store, images good and bad."""

import dataclasses
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = TOP / os.environ.get("K7_BUILD", "build") / "bin"  # K7_BUILD=build/san tests the sanitized tools
FMS = TOP / "build" / "fm"
ESN = "0123-4567-89AB"
SO_PASSWORD = "k7hsm test password"
LIMIT_S = 60
# For make: where the SDK's programs of the host find the library that was built here.
HOST_LIBRARY = [f"HSM_CFLAGS=-I{TOP}/include -Werror",
                f"HSM_LIBS={TOP}/build/lib/libhsm.so.0 -Wl,-rpath,{TOP}/build/lib"]

TESTS = []


def test(function):
    """Register a test: it gets a Card, and fails by an exception."""
    TESTS.append(function)
    return function


class Skip(Exception):
    pass


@dataclasses.dataclass
class Result:
    command: str
    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def expect(self, code, out=(), err=()):
        """Check exit code and parts of both outputs."""
        assert self.code == code, f"{self.command}: exit {self.code} instead of {code}\n{self.out}{self.err}"
        for part in [out] if isinstance(out, str) else out:
            assert part in self.out, f"{self.command}: no {part!r} in stdout:\n{self.out}"
        for part in [err] if isinstance(err, str) else err:
            assert part in self.err, f"{self.command}: no {part!r} in stderr:\n{self.err}"
        return self

    def refuses(self, code, *parts):
        """A failure as it must be: its code, one clear line on stderr, nothing on stdout."""
        self.expect(code, err=parts)
        assert self.err.count("\n") == 1, f"{self.command}: not one line on stderr:\n{self.err}"
        assert self.err.startswith(pathlib.Path(self.command.split()[0]).name + ": "), self.err
        assert self.out == "", f"{self.command}: stdout is not empty:\n{self.out}"
        return self


def environment(home):
    # ASan's dlopen() does not look beside the library that calls it, hence LD_LIBRARY_PATH.
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C", "LD_LIBRARY_PATH": str(BIN.parent / "lib")}
    variables["K7HSM_FM_DIR"] = str(IMAGES)
    if PASSWORD_FILE.exists():
        variables["K7HSM_PASSWORD_FILE"] = str(PASSWORD_FILE)
    return variables


# Of the HSM SO of a test's cards; made by main(). The tools take it from the environment.
PASSWORD_FILE = pathlib.Path(tempfile.gettempdir()) / f"k7cli-so-password.{os.getpid()}"
# Copies of the images that tests load; the user's own are none of their business.
IMAGES = pathlib.Path(tempfile.gettempdir()) / f"k7cli-images.{os.getpid()}"


def run(*arguments, stdin=b"", home="/nonexistent", user=None, cwd=None, variables=None):
    """Run a tool without a terminal: a session of its own, so that /dev/tty cannot be opened."""
    command = [str(BIN / arguments[0])] + [str(argument) for argument in arguments[1:]]
    if arguments[0] == "enquiry" and "--timeout" not in arguments:
        command += ["--timeout", "50"]  # a busy machine is no dead card
    if user is not None:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] + command
    done = subprocess.run(command, input=stdin, capture_output=True, env=dict(environment(home), **(variables or {})),
                          timeout=LIMIT_S, start_new_session=True, check=False, cwd=cwd)
    return Result(" ".join(str(argument) for argument in arguments), done.returncode,
                  done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run_on_terminal(answer, *arguments):
    """Run a tool on a terminal and type @answer when it asks. Returns exit code and all that was on the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(BIN / arguments[0], [arguments[0]] + [str(argument) for argument in arguments[1:]], environment("/tmp"))
    shown = b""
    typed = False
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            shown += data
        if not typed and shown.rstrip(b" ").endswith((b"]", b":")) and b"\n" in shown:
            os.write(terminal, answer.encode() + b"\n")
            typed = True
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace").replace("\r\n", "\n")


def started_on_terminal(*arguments, variables=None):
    """Start a tool as the leader of a terminal. Returns its process and both ends of the terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([BIN / arguments[0], *map(str, arguments[1:])], stdin=slave, stdout=slave, stderr=slave,
                               env=dict(environment("/tmp"), **(variables or {})), start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
    return process, master, slave


def shown_until(terminal, text):
    """What comes from a terminal until @text has come."""
    shown = b""
    until = time.monotonic() + LIMIT_S
    while text.encode() not in shown:
        assert select.select([terminal], [], [], max(0, until - time.monotonic()))[0], shown
        shown += os.read(terminal, 4096)
    return shown.decode(errors="replace")


def subcommands(tool, *before):
    """Every way to call a tool, as lists of words: none, a subcommand, a subcommand of that."""
    yield list(before)
    listed = run(tool, *before, "--help").expect(0).out.partition("\nSubcommands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE):
        yield from subcommands(tool, *before, name)


def write_password(path, password):
    path.touch(mode=0o600)
    path.write_text(password + "\n")
    return path


class Signer:
    """A signing key with its certificate, made by mkfm."""

    def __init__(self, directory, name):
        self.key = directory / f"{name}.key.pem"
        self.certificate = directory / f"{name}.cert.pem"
        run("mkfm", "cert", "-k", self.key, "-c", self.certificate, "--name", name, "--type", "ec-p256").expect(0)

    def sign(self, elf, image):
        run("mkfm", "-q", "-f", elf, "-o", image, "-k", self.key, "-c", self.certificate).expect(0)
        return image


class Card:
    """A card in a store of its own, and a directory for the files of one test."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.home = self.directory / "home"
        self.home.mkdir()
        self.store = self.directory / "store.db"
        self.as_delivered = f"sim:{self.store},esn={ESN},watchdog-ms=20000"  # a busy machine does not halt it
        self.selector = f"{self.as_delivered},so-password-file={PASSWORD_FILE}"  # ready for FMs
        self.signer = Signer(self.directory, "signer")
        self._images = {}

    def file(self, name):
        return self.directory / name

    def image(self, name):
        if name not in self._images:
            self._images[name] = self.signer.sign(FMS / f"{name}.elf", self.file(f"{name}.fm"))
        return self._images[name]

    def ctfm(self, *arguments):
        return run("ctfm", "--card", self.selector, *arguments, home=self.home)

    def hsm(self, *arguments):
        return run("hsm", "--card", self.as_delivered, *arguments, home=self.home)

    def fmcall(self, *arguments, stdin=b""):
        return run("fmcall", "--card", self.selector, *arguments, stdin=stdin, home=self.home)

    def load(self, image, certificate=None):
        return self.ctfm("load", "-f", image, "-c", certificate or self.signer.certificate)

    def load_fm(self, name):
        """Load a good FM. The next tool switches the card on anew, so the FM runs from then on."""
        return self.load(self.image(name)).expect(0)

    def content(self):
        """All that a refused command must not change, by the boot loader's account and the firmware's."""
        module = run("enquiry", "--card", self.selector, "--json").expect(0).json()["modules"][0]
        assert "status" in module, module["reason"]
        status = module["status"]
        listed = self.ctfm("list", "--json")
        fms = [{key: fm[key] for key in ("id", "fingerprint", "load_time")}
               for fm in listed.json()["fms"]] if listed.code == 0 else None
        return {key: status[key] for key in status if key.startswith(("fm_", "smfs_"))}, fms


def patched_elf(source, target, header_offset, value):
    """A copy of an FM's ELF file with a 32-bit word of its header changed."""
    data = bytearray(source.read_bytes())
    header = data.index(b"KFMH")
    data[header + header_offset:header + header_offset + 4] = value.to_bytes(4, "little")
    target.write_bytes(data)
    return target


def run_one(function, verbose):
    directory = tempfile.mkdtemp(prefix="k7cli.")
    try:
        function(Card(directory))
    except Skip as reason:
        print(f"skipped {function.__name__}: {reason}")
        return "skipped"
    except Exception:  # pylint: disable=broad-except
        print(f"not ok {function.__name__}")
        traceback.print_exc()
        return "failed"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if verbose:
        print(f"ok {function.__name__}")
    return "passed"


def main(arguments):
    verbose = "-v" in arguments
    names = [argument for argument in arguments if argument != "-v"]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    # Who starts this in the background of a shell without job control ignores them, and so would each tool.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    write_password(PASSWORD_FILE, SO_PASSWORD)
    try:
        for function in TESTS:
            if not names or any(name in function.__name__ for name in names):
                counts[run_one(function, verbose)] += 1
    finally:
        PASSWORD_FILE.unlink()
        shutil.rmtree(IMAGES, ignore_errors=True)
    print(", ".join(f"{count} {what}" for what, count in counts.items() if count or what != "skipped"))
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1
