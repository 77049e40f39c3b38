"""A collector's working directory: ``collector.json`` with its sealed key, its releases, and a ledger beside them.

``collector.json``, ``releases/`` and ``budget.sqlite``, which only counts; an operator's own ledger is named where
it is used. The passphrase comes from the environment (see ``homespun_server.settings``).
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun_server.collection.keys import MAX_FILE_BYTES, AggregatorKeyFile, open_key, seal_key
from homespun_server.errors import OutputError, SettingsError, SigningKeyError
from homespun_server.passphrase import NONCE_BYTES, SALT_BYTES, KeyCosts
from homespun_server.settings import PASSPHRASE_VARIABLE, given_passphrase

KEY_FILE = "collector.json"
RELEASES = "releases"

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""


def make_collector(
    folder: Path, passphrase: bytes, *, costs: KeyCosts | None = None, entropy: Entropy = os.urandom
) -> str:
    """Make a collector's directory and return its public key, in hexadecimal.

    Args:
        folder: It must not be there, or be empty.
        passphrase: Seals the key.
        costs: What trying a passphrase costs; None: the usual.
        entropy: Gives salt and nonce.

    Raises:
        MisuseError: The passphrase is too short.
        OutputError: The folder holds something, or cannot be made.
    """
    key = seal_key(
        X25519PrivateKey.generate(),
        role="collector",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        passphrase=passphrase,
        costs=costs or KeyCosts(),
        salt=entropy(SALT_BYTES),
        nonce=entropy(NONCE_BYTES),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(
                f"{folder} holds something; it was left alone. Name a folder that is empty, or a new one."
            )
        with os.fdopen(os.open(folder / KEY_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(key), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}. Choose another folder.") from error
    return key.public


def collector_public(folder: Path) -> str:
    """Return a collector's public key, in hexadecimal; nothing is opened.

    Raises:
        SigningKeyError: The key file is not there, or damaged.
    """
    return _read(folder).public


def open_collector(folder: Path, passphrase: str | None = None) -> X25519PrivateKey:
    """Open a collector's key.

    Args:
        folder: Its working directory.
        passphrase: Opens the key; None: the environment's.

    Raises:
        SigningKeyError: It is not there, damaged, another role's, or the passphrase does not open it.
        SettingsError: Nobody gave the passphrase.
    """
    given = given_passphrase() if passphrase is None else passphrase
    if given is None:
        raise SettingsError(f"the collector's key needs its passphrase; set {PASSPHRASE_VARIABLE}.")
    return open_key(_read(folder), given.encode())


def _read(folder: Path) -> AggregatorKeyFile:
    path = folder / KEY_FILE
    try:
        with path.open("rb") as file:
            key = msgspec.json.decode(file.read(MAX_FILE_BYTES + 1), type=AggregatorKeyFile)
    except FileNotFoundError:
        raise SigningKeyError(
            f"there is no {KEY_FILE} in {folder}, so it is no collector's directory. Make one with homespun-server "
            "collector init, or name another one with --in."
        ) from None
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SigningKeyError(f"{path} is damaged ({error}); restore it from a backup.") from error
    if key.role != "collector":
        raise SigningKeyError(f"{path} holds the key of a {key.role}; whoever adds up shares must not collect them.")
    return key
