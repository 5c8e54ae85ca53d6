# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that must not get onto a card, and the ones that must."""

import os
import pathlib
import subprocess

from harness import FMS, Signer, Skip, patched_elf, run, run_on_terminal, test

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


def reproducible(card, key, cert, epoch="1700000000"):
    image = card.file("again.fm")
    run("mkfm", "-q", "-f", FMS / "echo.elf", "-o", image, "-k", key, "-c", cert,
        variables={"SOURCE_DATE_EPOCH": epoch}).expect(0)
    return image.read_bytes(), run("mkfm", "show", image, "--json").expect(0).json()


@test
def mkfm_makes_the_same_image_again(card):
    """Same ELF file, key and SOURCE_DATE_EPOCH: all bytes with RSA; with EC all but the signature, which is random."""
    key, cert = card.file("rsa.key"), card.file("rsa.pem")
    run("mkfm", "cert", "-k", key, "-c", cert, "--type", "rsa2048").expect(0)
    first, shown = reproducible(card, key, cert)
    assert shown["build_time"] == 1700000000, shown
    assert reproducible(card, key, cert)[0] == first
    other, shown = reproducible(card, key, cert, "1700000001")
    assert other != first and shown["build_time"] == 1700000001
    by_ec = [reproducible(card, card.signer.key, card.signer.certificate) for _ in range(2)]
    assert by_ec[0][1]["fingerprint"] == by_ec[1][1]["fingerprint"], "the same envelope and ELF"
    assert len({image for image, _ in by_ec}) == 2, "an EC signature that is not random would give its key away"
    for wrong in ("tomorrow", "-1", "1.5", "99999999999999"):
        run("mkfm", "-f", FMS / "echo.elf", "-o", card.file("no.fm"), "-k", key, "-c", cert, "-q",
            variables={"SOURCE_DATE_EPOCH": wrong}).refuses(2, "SOURCE_DATE_EPOCH")


@test
def mkfm_fields_way_to_write_options(card):
    """Options and values without a space between them, as the field's scripts have them."""
    run("mkfm", f"-f{FMS}/echo.elf", f"-o{card.file('out.fm')}", f"-k{card.signer.key}",
        f"-c{card.signer.certificate}").expect(0, ["Processing ELF file", "successfully signed"])
    card.load(card.file("out.fm")).expect(0)


@test
def mkfm_keys_by_uri(card):
    """Through OpenSSL's store: the same path that a PKCS#11 token's key takes."""
    uri, cert = f"file:{card.signer.key}", card.file("uri.pem")
    before = card.signer.key.read_bytes()
    run("mkfm", "cert", "-k", uri, "-c", cert, "--name", "by URI").expect(0, "by URI")
    assert card.signer.key.read_bytes() == before, "a key with a URI is used, not made"
    run("mkfm", "-q", "-f", FMS / "echo.elf", "-o", card.file("out.fm"), "-k", uri, "-c", cert).expect(0)
    card.load(card.file("out.fm"), cert).expect(0)
    refused_key = ("mkfm", "-q", "-f", FMS / "echo.elf", "-o", card.file("no.fm"), "-c", cert, "-k")
    run(*refused_key, f"file:{card.file('none')}").refuses(3, "no private key is at file:")
    run(*refused_key, f"file:{cert}").refuses(3, "no private key is at file:")
    run(*refused_key, "pkcs11:object=fm?pin-value=1234").refuses(2, "can be read by others", "--password-file")
    run(*refused_key, uri, "--provider", "nobody").refuses(1, "cannot load its provider 'nobody'", "OPENSSL_MODULES")
    assert not card.file("no.fm").exists()


@test
def mkfm_encrypted_keys_by_uri(card):
    card.file("password").write_text("swordfish\n")
    key, cert = card.file("locked.key"), card.file("locked.pem")
    run("mkfm", "cert", "-k", key, "-c", cert, "--type", "ec-p256", "--password-file", card.file("password")).expect(0)
    arguments = ("mkfm", "-f", FMS / "echo.elf", "-o", card.file("out.fm"), "-k", f"file:{key}", "-c", cert)
    run(*arguments).expect(6, err="--password-file")
    run(*arguments, "--password-file", card.file("password")).expect(0)
    code, shown = run_on_terminal("swordfish", *arguments)
    assert code == 0 and "Password of file:" in shown and "swordfish" not in shown, (code, shown)
    card.file("password").write_text("wrong\n")
    run(*arguments, "--password-file", card.file("password")).expect(1, err="wrong password")


SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PKCS11_PROVIDERS = list(pathlib.Path("/usr/lib").glob("*/ossl-modules/pkcs11.so"))


@test
def mkfm_keys_on_a_token(card):
    """A key on a PKCS#11 token (SoftHSM), which mkfm uses and never sees."""
    if not PKCS11_PROVIDERS or not os.path.exists(SOFTHSM):
        raise Skip("pkcs11-provider (Debian 13 has it) or softhsm2 is not installed")
    card.file("tokens").mkdir()
    card.file("softhsm2.conf").write_text(f"directories.tokendir = {card.file('tokens')}\n")
    variables = {"SOFTHSM2_CONF": str(card.file("softhsm2.conf")), "PKCS11_PROVIDER_MODULE": SOFTHSM}
    shell = dict(os.environ, **variables)
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "signing", "--pin", "4711", "--so-pin", "0815"],
                   env=shell, check=True, capture_output=True)
    card.file("pin").write_text("4711\n")
    card.file("wrong").write_text("4712\n")
    for name, number in (("rsa2048", "01"), ("ec-p256", "02")):
        file = card.file(f"{name}.key")
        run("mkfm", "cert", "-k", file, "-c", card.file("other.pem"), "--type", name).expect(0)
        subprocess.run(["softhsm2-util", "--import", file, "--token", "signing", "--label", name, "--id", number, "--pin",
                        "4711"], env=shell, check=True, capture_output=True)
        file.unlink()
        key, cert, image = f"pkcs11:token=signing;object={name};type=private", card.file("token.pem"), card.file("t.fm")
        pin = ("--password-file", card.file("pin"))
        run("mkfm", "cert", "-k", key, "-c", cert, "--name", name, *pin, variables=variables).expect(0, name)
        arguments = ("mkfm", "-q", "-f", FMS / "echo.elf", "-o", image, "-k", key, "-c", cert)
        run(*arguments, *pin, variables=variables).expect(0)
        run("mkfm", "verify", image, "-c", cert).expect(0, "Signature     OK")
        card.load(image, cert).expect(0)
        run(*arguments, "--password-file", card.file("wrong"), variables=variables).expect(1, err="wrong password or PIN")


@test
def lower_versions(card):
    """The card refuses to go back, unless it is told to."""
    card.load_fm("crashy-fixed")
    refused(card, card.image("crashy"), 6, "higher version than the image", "FM a002 is on the card in version 1.02",
            "--allow-downgrade")
    card.load_fm("crashy-fixed")
    card.ctfm("load", "-f", card.image("crashy"), "-l", "signer", "--allow-downgrade").expect(0, "replaces version 1.02")
    assert card.ctfm("list", "--json").json()["fms"][0]["version"] == "1.00"


@test
def copies_of_images_are_bounded(card):
    """What `load` keeps for `ctfm faults`: the newest 256, and nothing else is touched."""
    directory = card.file("images")
    variables = {"K7HSM_FM_DIR": str(directory)}
    directory.mkdir()
    for number in range(300):
        name = directory / (f"{number:064x}.fm" + (".a1B2c3" if number % 2 else ""))
        name.write_bytes(b"x")
        os.utime(name, (1000000 + number, 1000000 + number))
    others = [directory / name for name in ("notes.fm", "f" * 64, "g" * 64 + ".fm")]
    for other in others:
        other.write_text("mine")
        os.utime(other, (1, 1))
    run("ctfm", "--card", card.selector, "load", "-f", card.image("crashy"), "-c", card.signer.certificate,
        variables=variables).expect(0)
    left = {path.name for path in directory.iterdir()} - {path.name for path in others}
    assert len(left) == 256 and all(other.exists() for other in others), (len(left), others)
    assert f"{299:064x}.fm.a1B2c3" in left and f"{45:064x}.fm.a1B2c3" in left and f"{44:064x}.fm" not in left
    card.fmcall("a002", "crash").expect(4)
    run("ctfm", "--card", card.selector, "faults", variables=variables).expect(0, "crashy.c:")


@test
def full_store(card):
    """The card takes 32 FMs and runs them; the 33rd is refused and the 32 stay. Later ones are signed by label."""
    for number in range(33):
        elf = patched_elf(FMS / "echo.elf", card.file("n.elf"), HEADER_ID, 0xa100 + number)
        image = card.signer.sign(elf, card.file("n.fm"))
        if number == 0:
            card.load(image).expect(0)
        elif number < 32:
            card.ctfm("i", "-f", image, "-l", "signer").expect(0)
    refused(card, image, 1, "no room left", "ctfm delete")
    listed = card.ctfm("list", "--json").json()
    assert listed["fm_count"] == listed["fm_capacity"] == len(listed["fms"]) == 32, listed
    assert all(fm["enabled"] and fm["startup_status"] == "OK" for fm in listed["fms"]), listed
    card.fmcall("a11f", "hello").expect(0, "hello\n")
    card.ctfm("list").expect(0, "FMs:             32 of 32\n")
