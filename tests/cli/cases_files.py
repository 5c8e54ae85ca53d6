# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that tools write: what stands where they go, and what they must not overwrite."""

import os
import stat
import subprocess

from harness import BIN, FMS, Skip, environment, run, test


def reply_to(card, target):
    """Have the FM's reply written to @target."""
    return card.fmcall("a000", "hello", "--out", target)


@test
def a_link_is_followed(card):
    card.load_fm("echo")
    card.file("real").write_text("old")
    card.file("link").symlink_to("real")
    card.file("link2").symlink_to(card.file("link"))
    reply_to(card, card.file("link2")).expect(0)
    assert card.file("link2").is_symlink() and card.file("link").is_symlink()
    assert card.file("real").read_text() == "hello" and not card.file("real").is_symlink()
    card.file("nowhere").symlink_to("nothing")
    reply_to(card, card.file("nowhere")).refuses(3, "cannot write")
    assert card.file("nowhere").is_symlink() and not card.file("nothing").exists()


@test
def links_of_others_in_tmp_are_not_followed(card):
    """As fs.protected_symlinks has it: whoever lets root write through a link of theirs would write as root."""
    with open("/proc/sys/fs/protected_symlinks", encoding="ascii") as switch:
        if switch.read().strip() != "1" or os.geteuid() != 0:
            raise Skip("links are not protected here, or not from this user")
    card.load_fm("echo")
    card.directory.chmod(0o755)
    card.file("shared").mkdir()
    card.file("shared").chmod(0o1777)
    card.file("precious").write_text("precious")
    os.symlink(card.file("precious"), card.file("shared") / "link")
    os.lchown(card.file("shared") / "link", 65534, 65534)
    reply_to(card, card.file("shared") / "link").refuses(5, "Permission denied")
    assert card.file("precious").read_text() == "precious"


@test
def a_pipe_is_written_into(card):
    card.load_fm("echo")
    pipe = card.file("pipe")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        reply_to(card, pipe).expect(0)
        assert reader.communicate(timeout=60)[0] == b"hello"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@test
def a_device_is_written_into(card):
    node = card.file("null")
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.stat("/dev/null").st_rdev)
        os.close(os.open(node, os.O_WRONLY))
    except OSError as error:
        raise Skip(f"cannot make a node: {error}") from error
    card.load_fm("echo")
    reply_to(card, node).expect(0)
    run("fmsdk", "profile", FMS / "echo.elf", "--lcov", node).expect(0)
    assert stat.S_ISCHR(node.stat().st_mode)


@test
def standard_output_by_its_name(card):
    """Also when it is a file: what is written there before and afterwards stays."""
    name = card.file("stdout")  # not /dev/stdout: a tool that is wrong must not replace the host's
    name.symlink_to("/proc/self/fd/1")
    arguments = ("profile", FMS / "echo.elf", "--text", "x", "--lcov", name)
    shown = run("fmsdk", *arguments).expect(0, ["end_of_record\n", "instructions; "])
    with open(card.file("out"), "wb") as out:
        out.write(b"first\n")
        out.flush()
        subprocess.run([BIN / "fmsdk", *arguments], stdout=out, stderr=subprocess.DEVNULL, check=True,
                       env=environment(card.home))
    assert card.file("out").read_text() == "first\n" + shown.out


@test
def standard_output_is_no_file(card):
    """Nothing of the name "-" is made, nor half of what was asked for."""
    key, cert, new = card.signer.key, card.signer.certificate, card.file("new")
    folder = card.file("home")
    sign = ("mkfm", "-f", FMS / "echo.elf", "-k", key, "-c", cert, "-o", "-")
    for command in (sign, ("mkfm", "cert", "-k", "-", "-c", new), ("mkfm", "cert", "-k", new, "-c", "-"),
                    ("fmsdk", "profile", FMS / "echo.elf", "--lcov", "-")):
        run(*command, cwd=folder).refuses(2, "standard output", "name a file")
    for command in (("ctfm", "--card", card.selector, "faults", "--core", "-"),
                    ("fmcall", "--card", card.selector, "--json", "a000", "hello", "--out", "-")):
        shown = run(*command, home=card.home, cwd=folder).expect(2, err=["standard output", "name a file"])
    assert shown.json()["error"]["object"] == "-"
    assert not (folder / "-").exists() and not new.exists()


@test
def an_output_that_is_an_input_is_refused(card):
    key, cert, elf = card.signer.key, card.signer.certificate, card.file("echo.elf")
    elf.write_bytes((FMS / "echo.elf").read_bytes())
    os.link(key, card.file("same-key"))
    before = key.read_bytes(), cert.read_bytes(), elf.read_bytes()
    sign = ("mkfm", "-f", elf, "-k", key, "-c", cert, "-o")
    for output in (key, card.file("same-key"), cert, elf, elf.parent / "home/../echo.elf"):
        run(*sign, output).refuses(2, "is also an input", "another name")
    for name in (key, f"file:{key}"):
        run("mkfm", "cert", "-k", name, "-c", key, "--yes").refuses(2, "is also an input")
    run("mkfm", "cert", "-k", card.file("new"), "-c", card.file("home/../new")).refuses(2, "is also an input")
    assert not card.file("new").exists()
    run("mkfm", "cert", "-k", elf, "-c", card.file("new"), "--password-file", elf, "--yes").refuses(2, "also an input")
    run("mkfm", "-f", elf, "-k", "-", "-c", cert, "-o", card.file("no.fm"), "--password-file", "-").refuses(2, "two inputs")
    run("fmsdk", "profile", elf, "--lcov", elf).refuses(2, "is also an input")
    run("fmsdk", "profile", FMS / "echo.elf", "--file", elf, "--lcov", elf).refuses(2, "is also an input")
    card.ctfm("faults", "--elf", elf, "--core", elf).refuses(2, "is also an input")
    card.fmcall("a000", "--in", elf, "--out", elf).refuses(2, "is also an input")
    assert before == (key.read_bytes(), cert.read_bytes(), elf.read_bytes())
