# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's control socket, for the @qmp lines of guest cases (tests/guest/run has the words)."""

import contextlib
import json
import os
import socket
import threading

LIMIT = 60 * int(os.environ.get("K7_LANES", "1"))  # seconds for an answer, only there to end a hang


class Qmp:
    """A connection to QEMU's control socket; opened at the first command. OSError and ValueError: QEMU does not answer."""

    def __init__(self, path: str):
        self.path = path
        self.stream = None
        self.lock = threading.Lock()
        self.deleted: set[str] = set()  # devices

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(LIMIT)
        connection.connect(self.path)
        self.stream = connection.makefile("rw")
        self.stream.readline()
        self.send("qmp_capabilities", {})

    def send(self, command: str, arguments: dict) -> dict:
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = self.receive()
            if "event" not in answer:
                return answer

    def receive(self) -> dict:
        line = self.stream.readline()
        if not line:
            raise ConnectionError("QEMU has ended")
        answer = json.loads(line)
        if answer.get("event") == "DEVICE_DELETED":
            self.deleted.add(answer["data"].get("device"))
        return answer

    def wait_until_deleted(self, device: str) -> None:
        with self.lock:
            while device not in self.deleted:
                self.receive()
            self.deleted.remove(device)

    def execute(self, line: str) -> bool:
        """Whether QEMU did with it what the case expects."""
        command, _, arguments = line.partition(" ")
        if command == "@later":
            seconds, _, later = arguments.partition(" ")
            threading.Timer(float(seconds), self.execute_late, [later]).start()
            return True
        if command == "@deleted":
            self.wait_until_deleted(json.loads(arguments)["id"])
            return True
        refused = command == "@refused"
        if refused:
            command, _, arguments = arguments.partition(" ")
        with self.lock:
            if self.stream is None:
                self.connect()
            answer = self.send(command, json.loads(arguments or "{}"))
        good = ("error" in answer) == refused
        if refused or not good:
            outcome = answer["error"].get("desc") if "error" in answer else "was done"
            print(f"  {'ok' if good else 'not ok'} qmp {line}: {outcome}", flush=True)
        return good

    def execute_now(self, line: str) -> bool:
        """As execute(); a QEMU that does not answer has done nothing."""
        try:
            return self.execute(line)
        except (OSError, ValueError) as error:
            print(f"  not ok qmp {line}: {type(error).__name__}: {error}", flush=True)
            return False

    def execute_late(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the guest has ended meanwhile
            self.execute(line)
