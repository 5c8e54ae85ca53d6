# SPDX-License-Identifier: GPL-2.0-or-later
"""Start QEMU, pass the command's output through while it runs, and end it in every case."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time

from initramfs import SO_PASSWORD
from verdict import Report

# No page tables of five levels: while the kernel looks at its first CPU it has for a moment forgotten that it has them
# (identify_cpu() clears x86_capability), and KASAN takes what an interrupt touches in that moment for wild accesses. On a
# busy machine the reports then take longer than a tick, and the guest never gets any further.
CPU = "max,la57=off"
PR_SET_PDEATHSIG = 1
LOW_INITRAMFS = 128 << 20  # far from the kernel, which is loaded at 16 MiB, and from the end of memory
BOOT_LIMIT = 240  # seconds until the command must have started; 3 are usual, a busy machine takes longer

# No log of the boot below "warning": a serial console is slow. mitigations=off spares a guest
# without KVM the flush of its translations at every system call. The check of the timer fails on a busy machine, and
# so does the watchdog for processors that hang; init arms it once the boot is over.
KERNEL_ARGUMENTS = (
    "console=ttyS0 panic=-1 oops=panic hung_task_panic=1 softlockup_panic=1 "
    "mitigations=off no_timer_check watchdog_thresh=60"
)
# Debugging aids that stock kernels have but do not use by default; a kernel of our own has better ones. Not U of slub_debug:
# to keep the stack of every allocation costs a fifth of a guest's time.
STOCK_ARGUMENTS = "slub_debug=FZP page_poison=1 kfence.sample_interval=100"
OWN_ARGUMENTS = "kasan_multi_shot"
IOMMU_ARGUMENTS = "intel_iommu=on iommu.strict=1"


def card_arguments(options) -> list[str]:
    """Each card sits behind a root port of its own, so that it can be unplugged and plugged again."""
    arguments = []
    for index in range(options.cards):
        card = f"k7-hsm,id=card{index},bus=rp{index}"
        if options.store:
            card += ",store=" + (options.store if options.cards == 1 else f"{options.store}.{index + 1}").replace(",", ",,")
        if not options.as_delivered:
            card += ",so-password-file=" + SO_PASSWORD.replace(",", ",,")
        for setting in options.card_opt:
            card += "," + setting
        # A faster port would have to report its link, which it does not when ACPI does the hot plug: the kernel
        # would take every bus reset for a failure, after a second of waiting.
        port = f"pcie-root-port,id=rp{index},chassis={index + 1},slot={index + 1},x-speed=5"
        arguments += ["-device", port, "-device", card]
    return arguments


def port_arguments(options, folder: str, pipes: dict[str, int]) -> list[str]:
    if options.shell:
        console = f"stdio,id=console,signal=off,logfile={folder}/console.log"
    else:
        console = f"file,id=console,path={folder}/console.log"
    arguments = ["-chardev", console, "-serial", "chardev:console"]
    for name, write_end in pipes.items():
        file = "stdio,signal=off" if options.stdin and name == "out" else f"file,path=/proc/self/fd/{write_end}"
        arguments += ["-chardev", f"{file},id={name}", "-serial", f"chardev:{name}"]
    return arguments


def initramfs_arguments(options, folder: str) -> tuple[list[str], str]:
    """QEMU's arguments, and the kernel's.

    -initrd puts it at the end of memory, below what QEMU takes the ACPI tables to need. With a TPM they are larger, and
    overwritten. --low-initramfs loads it to a fixed place instead, which the kernel must be kept from using.
    """
    path = f"{folder}/initramfs"
    if not options.low_initramfs:
        return ["-initrd", path], ""
    size = (os.path.getsize(path) + 4095) & ~4095
    loader = f"loader,file={path},addr={LOW_INITRAMFS:#x},force-raw=on"
    return ["-device", loader], f"initrdmem={LOW_INITRAMFS:#x},{size:#x} memmap={size:#x}${LOW_INITRAMFS:#x}"


def kernel_arguments(options, kernel, place: str) -> str:
    words = [KERNEL_ARGUMENTS, STOCK_ARGUMENTS if kernel.slowdown == 1 else OWN_ARGUMENTS]
    words += [IOMMU_ARGUMENTS] if options.iommu else []
    return " ".join([*words, f"loglevel={7 if options.dmesg else 5}", place, options.append])


def qemu_arguments(options, kernel, folder: str, pipes: dict[str, int]) -> list[str]:
    initramfs, place = initramfs_arguments(options, folder)
    arguments = [options.qemu, "-machine", "q35", "-accel", options.accel, "-cpu", CPU, "-smp", str(options.smp)]
    arguments += ["-m", options.memory, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
    arguments += ["-L", "/usr/share/seabios", "-L", "/usr/share/qemu"]
    arguments += ["-kernel", kernel.image, *initramfs, "-append", kernel_arguments(options, kernel, place)]
    arguments += ["-device", "intel-iommu,intremap=off"] if options.iommu else []  # before what it translates for
    arguments += port_arguments(options, folder, pipes) + card_arguments(options)
    for device in options.device:
        arguments += ["-device", device]
    for argument in options.qemu_arg:
        arguments += argument.split(" ", 1)
    if options.qmp:
        arguments += ["-qmp", f"unix:{options.qmp.replace(',', ',,')},server=on,wait=off"]
    return arguments


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Guest:
    """A running QEMU. Use as a context manager: leaving it ends QEMU."""

    def __init__(self, options, kernel, folder: str) -> None:
        self.report = Report()
        self.timed_out = False
        self.seconds_to_start: float | None = None
        self._report_tail = b""
        self._begin = time.monotonic()
        self._limit = options.timeout * kernel.patience
        self._deadline = self._begin + BOOT_LIMIT * kernel.patience if options.timeout else None
        pipes = {name: os.pipe() for name in ("out", "err", "report")}
        write_ends = {name: ends[1] for name, ends in pipes.items()}
        environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(options.build, "lib"))
        self._process = subprocess.Popen(
            qemu_arguments(options, kernel, folder, write_ends),
            stdin=None if options.shell or options.stdin else subprocess.DEVNULL,
            stdout=None if options.shell else write_ends["out"] if options.stdin else sys.stderr,
            pass_fds=tuple(write_ends.values()),
            env=environment,
            preexec_fn=die_with_parent,
        )
        for write_end in write_ends.values():
            os.close(write_end)
        self._selector = selectors.DefaultSelector()
        self._listen(pipes["out"][0], lambda data: self._copy(data, 1))
        self._listen(pipes["err"][0], lambda data: self._copy(data, 2))
        self._listen(pipes["report"][0], self._take_report)

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self, read_end: int, take) -> None:
        self._selector.register(read_end, selectors.EVENT_READ, take)

    @staticmethod
    def _copy(data: bytes, target: int) -> None:
        while data:
            data = data[os.write(target, data) :]

    def _take_report(self, data: bytes) -> None:
        *lines, self._report_tail = (self._report_tail + data).split(b"\n")
        for line in lines:
            self.report.take(line.decode(errors="replace"))
        if self.report.started and self.seconds_to_start is None:
            self.seconds_to_start = time.monotonic() - self._begin
            self._deadline = time.monotonic() + self._limit if self._limit else None

    def wait(self) -> int:
        """Serve the ports until QEMU has gone or the time is up; returns QEMU's own exit status."""
        while self._selector.get_map():
            left = None if self._deadline is None else self._deadline - time.monotonic()
            if left is not None and left <= 0:
                self.timed_out = True
                self._process.kill()
                break
            for key, _ in self._selector.select(left):
                data = os.read(key.fd, 65536)
                if data:
                    key.data(data)
                else:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
        return self._process.wait()
