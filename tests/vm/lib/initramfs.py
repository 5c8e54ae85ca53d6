# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's root: a base part with everything that was built, cached by content, and a small part for one run."""

import contextlib
import hashlib
import os
import shlex
import subprocess
import tempfile

from cpio import Archive

BUSYBOX = "/bin/busybox"
# Of the HSM SO of every card, but those that are as delivered; its first line is the password.
SO_PASSWORD = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "so-password"))
TEXT_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    "etc/group": "root:x:0:\nhsmusers:x:990:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
    "etc/profile": "PS1='guest:\\w# '\n",
}
FOLDERS = ("dev", "proc", "sys", "run", "root", "tmp", "var/log", "lib/modules", "usr/sbin", "sbin", "k7")


def is_elf(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def library_closure(programs: list[str], library_dir: str) -> list[str]:
    """The shared libraries and the loader that these programs need, by their paths on this machine."""
    programs = [program for program in programs if is_elf(program)]
    if not programs:
        return []
    environment = dict(os.environ, LD_LIBRARY_PATH=library_dir)
    result = subprocess.run(["ldd", *programs], env=environment, capture_output=True, text=True)
    problems = [line for line in result.stderr.splitlines() if "not a dynamic executable" not in line]
    if problems:
        raise OSError(f"cannot find the libraries of the guest's programs: {problems[0]}")
    found = set()
    for line in result.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            raise FileNotFoundError(f"a program for the guest needs a library that is missing: {words[0]}")
        found.update(word for word in words if word.startswith("/") and not word.endswith(":"))
    return sorted(found)


def add_stripped(archive: Archive, source: str, path: str) -> None:
    """Debug information would fill the guest's memory: it is nine tenths of our own programs."""
    if not is_elf(source):
        archive.copy(source, path)
        return
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "--strip-unneeded", "-o", file.name, source], check=True)
        with open(file.name, "rb") as stripped:
            archive.file(path, stripped.read(), 0o755)


def add_libraries(archive: Archive, libraries: list[str], library_dir: str) -> None:
    for path in libraries:
        if os.path.dirname(os.path.realpath(path)) == os.path.realpath(library_dir):
            add_stripped(archive, path, os.path.join("usr/local/lib", os.path.basename(path)))
        else:
            archive.copy(path, path)


def folder_files(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return [path for path in paths if os.path.isfile(path)]


def base_archive(init: str, build: str) -> bytes:
    """busybox, init, the tools of build/bin and their libraries."""
    library_dir = os.path.join(build, "lib")
    tools = folder_files(os.path.join(build, "bin"))
    archive = Archive()
    for folder in FOLDERS:
        archive.folder(folder)
    archive.node("dev/console", 5, 1)
    archive.copy(init, "init")
    archive.copy(BUSYBOX, "bin/busybox")
    for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    for path, text in TEXT_FILES.items():
        archive.file(path, text.encode())
    for tool in tools:
        add_stripped(archive, tool, os.path.join("usr/local/bin", os.path.basename(tool)))
    add_libraries(archive, library_closure(tools, library_dir), library_dir)
    return archive.bytes()


def base_key(init: str, build: str) -> str:
    """Changes with everything that base_archive() puts in, system libraries by their time and size."""
    library_dir = os.path.join(build, "lib")
    tools = folder_files(os.path.join(build, "bin"))
    own = [init, __file__, BUSYBOX, *tools, *folder_files(library_dir)]
    digest = hashlib.sha256()
    for path in sorted({*own, *library_closure(tools, library_dir)}):
        status = os.stat(path)
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode}\n".encode())
    return digest.hexdigest()[:16]


def forget_old(cache: str, keep: int = 8) -> None:
    """Keep the newest few base parts; another run that still reads one has it open."""
    paths = [os.path.join(cache, name) for name in os.listdir(cache) if name.endswith(".cpio")]
    with contextlib.suppress(FileNotFoundError):  # another run forgets it
        for path in sorted(paths, key=os.path.getmtime)[:-keep]:
            os.unlink(path)


def cached_base(cache: str, init: str, build: str) -> bytes:
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, base_key(init, build) + ".cpio")
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        pass
    data = base_archive(init, build)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
        file.write(data)
    os.rename(file.name, path)
    forget_old(cache)
    return data


def add_host_path(archive: Archive, spec: str, library_dir: str) -> None:
    """--add HOSTPATH[:GUESTPATH]; a program brings its libraries along."""
    host, _, guest = spec.partition(":")
    guest = guest or os.path.join("root", os.path.basename(os.path.abspath(host)))
    archive.copy(host, guest)
    if os.path.isfile(host):
        add_libraries(archive, library_closure([host], library_dir), library_dir)


def add_udev(archive: Archive, unpacked: str, packaging: str, library_dir: str) -> None:
    """udevd with its own rules and ours. The group of the nodes is to come from our sysusers file."""
    archive.file("etc/group", TEXT_FILES["etc/group"].replace("hsmusers:x:990:\n", "").encode())
    # Debian 12 has some of it in /bin and /lib, Debian 13 all of it below /usr.
    merged = [root for root in (os.path.join(unpacked, "usr"), unpacked) if os.path.isdir(root)]
    programs = [os.path.join(root, "bin", name) for root in merged for name in ("udevadm", "systemd-sysusers")]
    programs = [path for path in programs if os.path.isfile(path)]
    for path in programs:
        archive.copy(path, os.path.join("usr/bin", os.path.basename(path)))
    archive.link("usr/lib/systemd/systemd-udevd", "/usr/bin/udevadm")
    for root in merged:
        for path in folder_files(os.path.join(root, "lib/udev/rules.d")):
            archive.copy(path, os.path.join("usr/lib/udev/rules.d", os.path.basename(path)))
    archive.copy(os.path.join(packaging, "udev"), "usr/lib/udev/rules.d")
    archive.copy(os.path.join(packaging, "sysusers.d"), "usr/lib/sysusers.d")
    add_libraries(archive, library_closure(programs, library_dir), library_dir)


def run_archive(options, module: str | None, stock_modules: list[str], slowdown: int, patience: int) -> bytes:
    """What belongs to one run: the driver, the command, the added files, and init's settings."""
    archive = Archive()
    if module:
        archive.copy(module, "lib/modules/k7hsm.ko")
    for path in [*stock_modules, *options.load]:
        archive.copy(path, os.path.join("lib/modules", os.path.basename(path)))
    for spec in options.add:
        add_host_path(archive, spec, os.path.join(options.build, "lib"))
    if options.udev:
        add_udev(archive, options.udev, os.path.join(options.top, "packaging"), os.path.join(options.build, "lib"))
    settings = {"K7_DRIVER": "yes" if module else "no", "K7_SHELL": "yes" if options.shell else "no"}
    settings["K7_STDIN"] = "/dev/ttyS1" if options.stdin else "/dev/null"
    settings["K7_UDEV"] = "yes" if options.udev else "no"
    settings["K7_SLOWDOWN"] = str(slowdown)
    settings["K7_PATIENCE"] = str(patience)
    settings["K7_MODULES"] = shlex.quote(" ".join(os.path.basename(path) for path in options.load))
    if not options.as_delivered:
        archive.copy(SO_PASSWORD, "k7/so-password")
    archive.file("k7/config", "".join(f"{name}={value}\n" for name, value in settings.items()).encode())
    archive.file("k7/command", f"exec {shlex.join(options.command)}\n".encode())
    return archive.bytes()
