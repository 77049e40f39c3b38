"""A key store and a keyring in files, as an application might write them: durable, outside the profile's folder."""

import contextlib
import json
from pathlib import Path

from homespun.profile.files import write_atomically


class FileKeyStore:
    """A file for each key, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def names(self) -> set[str]:
        return {path.name.replace(" ", "/") for path in self._folder.glob("*.db")}

    def get(self, name: str, /) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, secret: bytes, /) -> None:
        write_atomically(self._path(name), secret)

    def delete(self, name: str, /) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / name.replace("/", " ")


class FileKeyring:
    """A keyring in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        return found

    def get_password(self, service: str, username: str, /) -> str | None:
        return self.entries().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str, /) -> None:
        self._write({**self.entries(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str, /) -> None:
        self._write({name: value for name, value in self.entries().items() if name != f"{service} {username}"})

    def _write(self, entries: dict[str, str]) -> None:
        write_atomically(self._path, json.dumps(entries).encode())
