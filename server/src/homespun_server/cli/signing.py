"""What the commands about the signed repository share: which folder, whose passphrase, and opening it.

The passphrase of the keys comes from a file, else from the environment (see ``settings``), else it is asked for.
"""

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.publishing.repository import KeyStore, SignedRepository
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings, read_settings

MAX_PASSPHRASE_FILE = 4096
"""Largest file of a passphrase, in bytes."""

Passphrase = Callable[[str], bytes]


def repository_of(options: argparse.Namespace) -> SignedRepository:
    """Open the working directory's repository with the keys that the options name.

    Raises:
        HomespunError: There is none, or it cannot be used.
    """
    settings = read_settings(options.directory)
    online, offline = stores(options, settings)
    return SignedRepository.open(settings.repository, online, offline=offline)


def stores(
    options: argparse.Namespace, settings: ServerSettings, *, new: bool = False
) -> tuple[KeyStore, list[KeyStore]]:
    """Return the online keys' store, and the offline keys'.

    Args:
        options: Of the command.
        settings: Of the working directory.
        new: Whether keys are made, so that a passphrase that is typed is typed twice.
    """
    online = KeyStore(settings.keys, passphrase_of(options.passphrase_file, settings.passphrase, new=new))
    given = options.offline_passphrase_file or options.passphrase_file
    return online, [KeyStore(folder, passphrase_of(given, settings.passphrase, new=new)) for folder in options.offline]


def passphrase_of(file: str | None, environment: str | None, *, new: bool = False) -> Passphrase:
    """Return what gives the passphrase of the keys in one folder; it is asked for once.

    Args:
        file: Where it is; ``-``: it is asked for; None: not said.
        environment: What the environment says, which counts where no file is named.
        new: Whether it is typed twice.
    """
    known: list[bytes] = []

    def give(key: str) -> bytes:
        if not known:
            known.append(_found(file, environment, key, new=new))
        return known[0]

    return give


def add_directory_option(command: argparse.ArgumentParser) -> None:
    """Add ``--in``."""
    command.add_argument(
        "--in",
        dest="directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the working directory (this one)",
    )


def add_signing_options(command: argparse.ArgumentParser) -> None:
    """Add where the working directory, the keys and their passphrases are."""
    add_directory_option(command)
    command.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help=f"holds the keys' passphrase; -: ask for it (${PASSPHRASE_VARIABLE}, else it is asked for)",
    )
    command.add_argument(
        "--offline",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder with keys that are kept apart; may be given more than once",
    )
    command.add_argument(
        "--offline-passphrase-file", metavar="FILE", help="holds their passphrase; -: ask for it (as the others')"
    )


def _found(file: str | None, environment: str | None, key: str, *, new: bool) -> bytes:
    if file is not None and file != "-":
        return _read(Path(file))
    if file is None and environment is not None:
        return environment.encode()
    if not sys.stdin.isatty():
        raise MisuseError(
            f"the {key} needs its passphrase, and there is no terminal to ask for it. Set {PASSPHRASE_VARIABLE} or "
            "name a file with --passphrase-file."
        )
    return _asked(key, new=new)


def _asked(key: str, *, new: bool) -> bytes:
    given = getpass.getpass(f"Passphrase of the {key}: ")
    if new and getpass.getpass("The same again: ") != given:
        raise MisuseError("the two passphrases differ; nothing was made.")
    return given.encode()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PASSPHRASE_FILE + 1)
    except OSError as error:
        raise MisuseError(f"the passphrase cannot be read from {path}: {error}.") from error
    if len(raw) > MAX_PASSPHRASE_FILE:
        raise MisuseError(f"{path} is longer than {MAX_PASSPHRASE_FILE} bytes; it is no passphrase.")
    return raw.rstrip(b"\r\n")
