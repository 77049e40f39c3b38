"""What is left of an erased profile, outside its folder: its random id and a keyed check.

A backup of the folder that is restored after the erasure is recognized by it when it is opened, and erases itself
again. The check is a MAC under the *token*, which only the profile's key file has, so that a tombstone cannot be made
by somebody who has never seen the profile; one that does not fit is ignored. Non-goals: whoever can write to the
place where tombstones are can take them away, and whoever saw the key file can make one.
"""

import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

import apsw
import msgspec

from homespun.errors import KeyStoreError, ProfileBusyError, ProfileStorageError
from homespun.profile.alone import alone
from homespun.profile.files import make_folder, read_bounded, write_atomically
from homespun.profile.keyfile import KeyFile, KeyFile1, KeyringEntry, ProfileId
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, read_entry, write_entry

MAX_SIZE = 4 * 1024 * 1024
"""Bytes in a file of tombstones, about 30 000 of them."""


class Tombstones(Protocol):
    """Remembers erased profiles by their ids."""

    @property
    def place(self) -> str:
        """Where, in words for the person's receipt."""

    def add(self, profile: str, mac: bytes, /) -> None:
        """Remember an erased profile, durably when this returns; instead of an earlier check of the same id."""

    def find(self, profile: str, /) -> bytes | None:
        """Return the check of an erased profile, or None if none of that id is remembered."""


def mac(token: bytes, profile: str) -> bytes:
    """Return the check of a tombstone, 32 bytes: HMAC-SHA256 of the profile's id.

    Args:
        token: 32 bytes from the profile's key file.
        profile: The profile's id.
    """
    return hmac.digest(token, f"homespun tombstone 1\n{profile}".encode(), sha256)


def mark_erased(tombstones: Tombstones, profile: str, check: bytes) -> None:
    """Remember an erased profile and look whether it is remembered.

    Args:
        tombstones: Where.
        profile: The profile's id.
        check: Its ``mac``, which can still be made when the key file is about to go.

    Raises:
        KeyStoreError: It is not remembered.
        ProfileError: As ``tombstones`` raises.
    """
    tombstones.add(profile, check)
    if not _fits(tombstones.find(profile), check):
        raise KeyStoreError(
            f"The erased profile {profile} is not remembered by the place that it was told to. A backup of it that "
            "is restored would open again; give a place that keeps what it gets."
        )


def is_erased(tombstones: Tombstones, file: KeyFile | KeyFile1) -> bool:
    """Return whether the profile of that key file was erased once, so that this is a restored backup.

    Raises:
        ProfileError: As ``tombstones`` raises.
    """
    return _fits(tombstones.find(file.profile), mac(file.token, file.profile))


def _fits(found: object, check: bytes) -> bool:
    return isinstance(found, bytes) and hmac.compare_digest(found, check)


class KeyringTombstones:
    """Tombstones in the operating system's keyring, in entries called '<username>/<profile id>/erased'."""

    def __init__(self, backend: KeyringBackend, service: str, username: str) -> None:
        """Remember erased profiles under ``service``."""
        self._backend = backend
        self._service = service
        self._username = username

    @property
    def place(self) -> str:
        """Where, in words."""
        return f"the keyring, under '{self._service}'"

    def add(self, profile: str, mac: bytes, /) -> None:
        """Remember an erased profile.

        Raises:
            KeyringUnavailableError: The keyring refused, or did not keep it.
        """
        write_entry(self._backend, self._entry(profile), Secret(mac))

    def find(self, profile: str, /) -> bytes | None:
        """Return the check of an erased profile, or None; an entry that is no check counts as none.

        Raises:
            KeyringUnavailableError: The keyring refused.
        """
        text = read_entry(self._backend, self._entry(profile)) or ""
        return bytes.fromhex(text) if re.fullmatch("[0-9a-f]{64}", text) else None

    def _entry(self, profile: str) -> KeyringEntry:
        return KeyringEntry(service=self._service, username=f"{self._username}/{profile}/erased")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file; one that a newer homespun wrote may say more."""

    schema: Literal[1] = 1
    profile: ProfileId
    mac: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", max_length=64)]


class FileTombstones:
    """Tombstones in a file of JSON lines, outside every profile's folder and of what is backed up with it.

    A line that cannot be read is ignored, unless no other can be read either or it names the profile that is
    asked for; so that damage elsewhere in the list keeps nobody from opening a profile.
    """

    def __init__(self, path: Path, *, wait_ms: int = 2000) -> None:
        """Remember erased profiles in ``path``, and a lock beside it.

        Args:
            path: The file; it and its folder appear with the first tombstone, for their owner only.
            wait_ms: How long to wait for others who add to it, in milliseconds.
        """
        self._path = path.absolute()
        self._wait_ms = wait_ms

    @classmethod
    def beside(cls, folder: Path, wait_ms: int = 2000) -> Self:
        """Remember the erased profiles of a folder in a file beside it, called '<folder>.erased'."""
        return cls(folder.with_name(f"{folder.name}.erased"), wait_ms=wait_ms)

    @property
    def place(self) -> str:
        """Where, in words."""
        return f"the file '{self._path}'"

    def add(self, profile: str, mac: bytes, /) -> None:
        """Remember an erased profile; whatever else is in the file stays as it is.

        Raises:
            ProfileBusyError: Others kept adding for longer than ``wait_ms``.
            ProfileStorageError: The disk refused, or the file is full.
        """
        line = msgspec.json.encode(_Line(profile=profile, mac=mac.hex()))
        with self._translated():
            make_folder(self._path.parent)
            with alone(self._path, self._wait_ms):
                others = [each for each in self._lines() if _profile(each) != profile]
                data = b"".join(each + b"\n" for each in (*others, line))
                if len(data) > MAX_SIZE:
                    raise OSError(f"it would be longer than {MAX_SIZE} bytes")
                write_atomically(self._path, data)

    def find(self, profile: str, /) -> bytes | None:
        """Return the check of an erased profile, or None.

        Raises:
            ProfileStorageError: The file cannot be read, is no file of tombstones, or is damaged where it names
                the profile.
        """
        with self._translated():
            named = [line for line in self._lines() if profile.encode() in line]
            if not named:
                return None
            found = [bytes.fromhex(line.mac) for line in map(_parsed, named) if line and line.profile == profile]
            if not found:
                raise OSError(f"the line that names the profile {profile} is damaged")
            return found[-1]

    def _lines(self) -> list[bytes]:
        try:
            data = read_bounded(self._path, MAX_SIZE)
        except FileNotFoundError:
            return []
        if len(data) > MAX_SIZE:
            raise OSError(f"it is longer than {MAX_SIZE} bytes")
        lines = [line for line in data.split(b"\n") if line.strip()]
        # Then it is somebody else's file, or nothing is left of ours: neither may pass for an empty one.
        if lines and not any(map(_parsed, lines)):
            raise OSError("no line of it is a tombstone")
        return lines

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (apsw.BusyError, apsw.LockedError) as error:
            raise ProfileBusyError(
                f"Others kept adding to the list of erased profiles in '{self._path}' for longer than "
                f"{self._wait_ms} ms. Nothing was added; try again."
            ) from error
        except (apsw.Error, OSError) as error:
            raise ProfileStorageError(
                f"The list of erased profiles in '{self._path}' cannot be used: {error}. Without it a restored backup "
                "of an erased profile would open again. Make it accessible, restore it, or move it away to start a "
                "new one."
            ) from error


def _parsed(line: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _profile(line: bytes) -> str | None:
    parsed = _parsed(line)
    return None if parsed is None else parsed.profile
