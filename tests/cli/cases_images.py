# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that must not get onto a card, and the ones that must."""

import subprocess

from harness import FMS, Signer, patched_elf, run, test

HEADER_ID = 8
IMAGE_MAX = 4 << 20


def refused(card, image, code, *parts, certificate=None):
    before = card.content()
    card.load(image, certificate).refuses(code, *parts)
    assert card.content() == before, "a refused image has changed the card"


@test
def unsigned_image(card):
    refused(card, FMS / "echo.elf", 1, "without a signature", "mkfm")


@test
def tampered_image(card):
    data = bytearray(card.image("echo").read_bytes())
    data[len(data) // 2] ^= 1
    card.file("bad.fm").write_bytes(data)
    refused(card, card.file("bad.fm"), 1, "signature does not fit the image")


@test
def truncated_image(card):
    data = card.image("echo").read_bytes()
    for size in (0, 1, 100, len(data) // 2, len(data) - 1):
        card.file("bad.fm").write_bytes(data[:size])
        refused(card, card.file("bad.fm"), 1, "not an FM image")


@test
def longer_image(card):
    card.file("bad.fm").write_bytes(card.image("echo").read_bytes() + b"x")
    refused(card, card.file("bad.fm"), 1, "bytes follow")


@test
def oversized_image(card):
    card.file("bad.fm").write_bytes(card.image("echo").read_bytes().ljust(IMAGE_MAX + 1, b"\0"))
    refused(card, card.file("bad.fm"), 1, "at most 4194304")


@test
def garbage_image(card):
    card.file("bad.fm").write_bytes(bytes(range(256)) * 40)
    refused(card, card.file("bad.fm"), 1, "not an FM image")


@test
def image_of_another_signer(card):
    other = Signer(card.directory, "other")
    refused(card, card.image("echo"), 1, "another certificate", certificate=other.certificate)


@test
def certificate_that_is_none(card):
    refused(card, card.image("echo"), 1, "no X.509 certificate", certificate=card.image("echo"))
    refused(card, card.image("echo"), 1, "no X.509 certificate", certificate=card.signer.key)


@test
def label_that_the_card_does_not_know(card):
    before = card.content()
    card.ctfm("load", "-f", card.image("echo"), "-l", "nobody").refuses(3, "nobody")
    assert card.content() == before


@test
def missing_files(card):
    refused(card, card.file("none.fm"), 3, "No such file")
    refused(card, card.image("echo"), 3, "No such file", certificate=card.file("none.pem"))


@test
def image_replaced_by_a_new_version(card):
    card.load_fm("crashy")
    card.load_fm("crashy-fixed").expect(0, "It replaces version 1.00")
    fms = card.ctfm("list", "--json").json()["fms"]
    assert len(fms) == 1 and fms[0]["id"] == "a002", fms


def sign(card, elf):
    return run("mkfm", "-f", elf, "-o", card.file("out.fm"), "-k", card.signer.key, "-c", card.signer.certificate)


def not_signed(card, elf, *parts):
    sign_result = sign(card, elf)
    sign_result.expect(1, err=parts)
    assert sign_result.err.count("\n") == 1, sign_result.err
    assert not card.file("out.fm").exists(), "mkfm left a file behind"


@test
def mkfm_refuses_what_is_no_fm(card):
    card.file("text").write_text("no ELF\n")
    not_signed(card, card.file("text"), "no ELF file")
    not_signed(card, "/bin/true", "FMs are 32-bit RISC-V")
    card.file("cut.elf").write_bytes((FMS / "echo.elf").read_bytes()[:2000])
    not_signed(card, card.file("cut.elf"), "cut short")


@test
def mkfm_refuses_ids_out_of_range(card):
    for number in (0x9fff, 0xb000, 0, 0xffffffff):
        elf = patched_elf(FMS / "echo.elf", card.file("id.elf"), HEADER_ID, number)
        not_signed(card, elf, f"FM ID {number:x} is out of range", "a000 to afff")


@test
def mkfm_refuses_a_wrong_header(card):
    not_signed(card, patched_elf(FMS / "echo.elf", card.file("h.elf"), 0, 0), "no FM header")
    not_signed(card, patched_elf(FMS / "echo.elf", card.file("h.elf"), 4, 2), "FM header version 2")


@test
def mkfm_keys_stay_private_and_are_not_overwritten(card):
    assert card.signer.key.stat().st_mode & 0o777 == 0o600
    before = card.signer.key.read_bytes()
    run("mkfm", "cert", "-k", card.signer.key, "-c", card.signer.certificate).refuses(6, "exists: not overwritten")
    assert card.signer.key.read_bytes() == before
    run("mkfm", "cert", "-k", card.signer.key, "-c", card.signer.certificate, "--yes", "--type", "ec-p256").expect(0)
    assert card.signer.key.read_bytes() != before


@test
def mkfm_encrypted_keys(card):
    card.file("password").write_text("swordfish\n")
    key, cert = card.file("locked.pem"), card.file("locked.cert.pem")
    run("mkfm", "cert", "-k", key, "-c", cert, "--type", "ec-p256", "--password-file", card.file("password")).expect(0)
    assert "ENCRYPTED" in key.read_text()
    arguments = ("mkfm", "-q", "-f", FMS / "echo.elf", "-o", card.file("out.fm"), "-k", key, "-c", cert)
    run(*arguments).expect(6, err="--password-file")
    run(*arguments, "--password-file", card.file("password")).expect(0)
    card.file("password").write_text("wrong\n")
    run(*arguments, "--password-file", card.file("password")).expect(1, err="wrong password")


@test
def mkfm_show_and_verify(card):
    image = card.image("vault")
    run("mkfm", "show", image).expect(0, ["FM ID         a001", "not checked"])
    shown = run("mkfm", "verify", image, "-c", card.signer.certificate, "--json").expect(0).json()
    assert shown["verified"] is True and shown["header"]["product"] == "vault" and shown["schema"] == 1
    run("mkfm", "verify", image, "-c", Signer(card.directory, "other").certificate).refuses(1, "another certificate")
    assert image.stat().st_mode & 0o777 == 0o644
    checked = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", image, "-noverify", "-purpose", "any",
                              "-certfile", card.signer.certificate, "-out", "/dev/null"], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@test
def full_store(card):
    """The card takes 32 FMs; the 33rd is refused and the 32 stay."""
    for number in range(33):
        elf = patched_elf(FMS / "echo.elf", card.file("n.elf"), HEADER_ID, 0xa100 + number)
        image = card.signer.sign(elf, card.file("n.fm"))
        if number < 32:
            card.load(image).expect(0)
    refused(card, image, 1, "no room left", "ctfm delete")
    assert len(card.ctfm("list", "--json").json()["fms"]) == 32
