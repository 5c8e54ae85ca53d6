# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices that the card is measured beside: NVMe, a TPM that swtpm plays, virtio-crypto."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

# In this order: once virtio_crypto is there, Linux 6.1 asks it to check the signatures of further modules.
MODULES = ("nvme", "virtio_pci", "algif_skcipher", "virtio_crypto")
NULL_DISK_BYTES = 64 << 20
SWTPM_START_LIMIT = 60  # seconds


class Missing(Exception):
    """Says what is missing and what to do."""


class Swtpm:
    """A running swtpm with a state of its own. Use as a context manager: leaving it ends swtpm."""

    def __init__(self) -> None:
        if not shutil.which("swtpm"):
            raise Missing("no swtpm; install the package swtpm (packaging/install-packages)")
        self._folder = tempfile.mkdtemp(prefix="k7bench-tpm.")
        self.socket = os.path.join(self._folder, "control")
        # It ends with the guest, and a guest that dies before init is booted once more.
        self._process = subprocess.Popen(
            ["sh", "-c", 'while "$@"; do :; done', "sh", "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self._folder}",
             "--terminate", "--ctrl", f"type=unixio,path={self.socket}"],
            stdin=subprocess.DEVNULL, start_new_session=True)

    def __enter__(self) -> "Swtpm":
        deadline = time.monotonic() + SWTPM_START_LIMIT
        while not os.path.exists(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Missing("swtpm does not start; its message is above")
            time.sleep(0.02)
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def guest_arguments(tpm: Swtpm) -> list[str]:
    """Arguments of tests/vm/run."""
    arguments = [word for module in MODULES for word in ("--module", module)]
    for word in ("-blockdev", f"driver=null-co,node-name=disk,size={NULL_DISK_BYTES},read-zeroes=on",
                 "-chardev", f"socket,id=tpm,path={tpm.socket}", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                 "-object", "cryptodev-backend-builtin,id=crypto"):
        arguments.append(f"--qemu-arg={word}")
    for device in ("nvme,serial=bench,drive=disk", "tpm-tis,tpmdev=tpm0", "virtio-crypto-pci,cryptodev=crypto"):
        arguments += ["--device", device]
    # virtio-crypto's RSA, which this QEMU does not have, fails its self test: a splat. The debugging aids
    # that other guest tests want would be measured along. On a busy host the kernel misses the timer that it looks for.
    return arguments + ["--low-initramfs", "--append", "cryptomgr.notests slub_debug=- page_poison=0 no_timer_check"]
