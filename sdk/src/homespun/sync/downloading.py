"""Downloads the files of a bundle, where a download that broke off is taken up again.

A file's name is its SHA-256, so that it cannot change between two attempts, and ``If-Range`` would guard against
nothing; its validator would be of the server's choosing and a mark to know the device by. Whatever a server sends in
place of the rest, the whole is verified at the end, and a mixture is thrown away and asked for once more from the
start.
"""

import re
from pathlib import Path
from typing import Final

from tuf.api.exceptions import LengthOrHashMismatchError

from homespun.errors import TransportError
from homespun.profile.files import create_private, file_size, sync_file, sync_folder
from homespun.sync.asking import Answer, Means, asked
from homespun.sync.outcome import Rejected
from homespun.sync.repository import Wanted
from homespun.sync.stopping import StoppedError
from homespun.sync.store import Store

_OK: Final = 200
_PARTIAL_CONTENT: Final = 206
_NOT_SATISFIABLE: Final = 416
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:[0-9]{1,15}|\*)", re.ASCII)


class Downloader:
    """Downloads into ``incoming``.

    Attributes:
        received: Bytes of files that were received.
    """

    def __init__(self, store: Store, means: Means) -> None:
        """Download nothing yet."""
        self.received = 0
        self._store = store
        self._means = means

    def get(self, wanted: Wanted) -> Path:
        """Return a file's path in ``incoming``, whole, verified and on the disk.

        Raises:
            StoppedError: It is not what was signed, or the run ends.
            TransportError: Nobody answers, or the answer broke off. What came is kept.
            OSError: The disk refuses.
        """
        whole = self._store.incoming / wanted.sha256
        part = whole.with_name(f"{wanted.sha256}.part")
        if whole.exists() and is_wanted(whole, wanted):
            # It may be a copy that a run which came to no end had not seen on the disk.
            sync_file(whole)
            return whole
        resumed = self._receive(part, wanted)
        if not is_wanted(part, wanted) and resumed:
            part.unlink()
            self._receive(part, wanted)
        if not is_wanted(part, wanted):
            part.unlink()
            raise StoppedError(Rejected(f"{wanted.url} is not the file that was signed: its length or hash is wrong."))
        self._store.step(f"{wanted.name}: received")
        sync_file(part)
        self._store.step(f"{wanted.name}: synced")
        part.replace(whole)
        sync_folder(whole.parent)
        self._store.step(f"{wanted.name}: verified")
        return whole

    def _receive(self, part: Path, wanted: Wanted) -> bool:
        """Receive what is missing; return whether there was something before."""
        if file_size(part) > wanted.target.length:
            part.unlink()
        if not part.exists():
            create_private(part)
            self._store.step(f"{wanted.name}: created")
        have = file_size(part)
        if have < wanted.target.length and not self._ask(part, wanted, have):
            self._ask(part, wanted, 0)
        return have > 0

    def _ask(self, part: Path, wanted: Wanted, have: int) -> bool:
        """Ask for what follows ``have`` bytes; return whether the server could give it."""
        extra = {"Range": f"bytes={have}-"} if have else {}
        with asked(self._means, wanted.url, extra) as answer:
            if have and (answer.status == _NOT_SATISFIABLE or _goes_elsewhere(answer, have)):
                return False
            if answer.status not in (_OK, _PARTIAL_CONTENT) or (answer.status == _PARTIAL_CONTENT and not have):
                raise TransportError(f"{wanted.url} was answered with {answer.status}.")
            self._write(part, wanted, answer, have if answer.status == _PARTIAL_CONTENT else 0)
        return True

    def _write(self, part: Path, wanted: Wanted, answer: Answer, start: int) -> None:
        length = wanted.target.length
        with part.open("r+b") as file:
            file.seek(start)
            file.truncate()
            try:
                for chunk in answer.body(length - start):
                    file.write(chunk)
                    self.received += len(chunk)
            except StoppedError as stopped:
                if isinstance(stopped.outcome, Rejected):
                    file.truncate(0)
                raise
        if file_size(part) < length:
            raise TransportError(f"{wanted.url} broke off after {file_size(part)} of {length} bytes.")


def _goes_elsewhere(answer: Answer, have: int) -> bool:
    if answer.status != _PARTIAL_CONTENT:
        return False
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    return match is None or int(match[1]) != have


def is_wanted(path: Path, wanted: Wanted) -> bool:
    """Return whether a file on the disk is the one that was signed: all of it is read."""
    with path.open("rb") as file:
        try:
            wanted.target.verify_length_and_hashes(file)
        except LengthOrHashMismatchError:
            return False
    return True
