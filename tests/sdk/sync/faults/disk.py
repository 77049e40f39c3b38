"""A disk that loses what was not synced, as one without power does.

What is certain of a file is what it held when it was synced last; of a folder, the names that it had then. The rest
may be on the disk or not, in any order: another file's rename before this one's bytes, for instance. ``os.fsync`` tells
the disk what is certain. Non-goals: sectors that break, and disks that lie about what they have.
"""

import os
import stat
from pathlib import Path
from random import Random


class Disk:
    """What is certain of a folder and of all in it. To be closed."""

    def __init__(self, root: Path) -> None:
        """Take everything that is there for certain."""
        self._root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        # Whoever has an inode open keeps its number from being used again.
        self._open: list[int] = []
        for path in (root, *root.rglob("*")):
            descriptor = os.open(path, os.O_RDONLY)
            self.fsync(descriptor)
            os.close(descriptor)

    def fsync(self, descriptor: int) -> None:
        """Take note of what is synced, in place of ``os.fsync``."""
        kept = os.dup(descriptor)
        self._open.append(kept)
        number, length = os.fstat(kept).st_ino, os.fstat(kept).st_size
        if stat.S_ISDIR(os.fstat(kept).st_mode):
            with os.scandir(kept) as entries:
                self._names[number] = {entry.name: entry.inode() for entry in entries}
        else:
            with open(f"/proc/self/fd/{kept}", "rb") as file:  # noqa: PTH123 - one that may be open for writing only
                self._contents[number] = file.read(length)

    def close(self) -> None:
        """Let go of everything."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def without_power(self, to: Path, chance: Random | None) -> None:
        """Write what may be left if the power fails now.

        Args:
            to: Where.
            chance: Decides of everything that is not certain whether it is left; None: nothing of it is.
        """
        there = {path.lstat().st_ino: path for path in (self._root, *self._root.rglob("*"))}
        self._write(self._root.stat().st_ino, to, there, chance)

    def _write(self, number: int, to: Path, there: dict[int, Path], chance: Random | None) -> None:
        path = there.get(number)
        if number in self._names or (path is not None and path.is_dir()):
            to.mkdir()
            for name, each in sorted(self._entries(number, path, chance).items()):
                self._write(each, to / name, there, chance)
        else:
            to.write_bytes(self._content(number, path, chance))

    def _entries(self, number: int, path: Path | None, chance: Random | None) -> dict[str, int]:
        certain = self._names.get(number, {})
        if chance is None or path is None:
            return certain
        now = {each.name: each.lstat().st_ino for each in path.iterdir()}
        either = {name: (now if chance.random() < 0.5 else certain).get(name) for name in sorted({*now, *certain})}
        return {name: each for name, each in either.items() if each is not None}

    def _content(self, number: int, path: Path | None, chance: Random | None) -> bytes:
        certain = self._contents.get(number, b"")
        if chance is None or path is None:
            return certain
        now = path.read_bytes()
        return chance.choice([certain, now, now[: len(now) // 2], bytes(len(now))]) if now != certain else now
