# SPDX-License-Identifier: GPL-2.0-or-later
"""Write cpio archives in the "newc" form that the kernel unpacks, with no root and no files on the way.

Archives may be put one after the other: the kernel unpacks them in turn, later files replacing earlier ones.
"""

import os
import stat

TRAILER = "TRAILER!!!"


class Archive:
    """Collects entries; parents of a path are made when missing."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._known: set[str] = {""}
        self._inode = 0

    def _entry(self, path: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        name = path.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        self._chunks += [header, bytes(-len(header) % 4), data, bytes(-len(data) % 4)]

    def folder(self, path: str, mode: int = 0o755) -> None:
        path = path.strip("/")
        if path in self._known:
            return
        self.folder(os.path.dirname(path))
        self._known.add(path)
        self._entry(path, stat.S_IFDIR | mode)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFREG | mode, data)

    def link(self, path: str, target: str) -> None:
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def node(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFCHR | mode, b"", (major, minor))

    def copy(self, source: str, path: str) -> None:
        """Add a file, or a folder with all that is in it, with its mode."""
        if os.path.isdir(source):
            self.folder(path)
            for name in sorted(os.listdir(source)):
                self.copy(os.path.join(source, name), os.path.join(path, name))
            return
        with open(source, "rb") as file:
            self.file(path, file.read(), stat.S_IMODE(os.stat(source).st_mode))

    def bytes(self) -> bytes:
        self._entry(TRAILER, 0)
        return b"".join(self._chunks)
