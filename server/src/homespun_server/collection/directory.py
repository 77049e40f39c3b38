"""Making an aggregator's working directory, and opening what is in it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.errors import MisuseError
from homespun.protocol.collection.task import Aggregator
from homespun.protocol.destination import origin
from homespun_server.collection.keys import (
    MAX_FILE_BYTES,
    AggregatorKeyFile,
    PairingFile,
    Secrets,
    open_key,
    seal_key,
)
from homespun_server.collection.messages import Role
from homespun_server.collection.settings import (
    FILE,
    KEY_FILE,
    PAIRING_FILE,
    AggregatorSettings,
    aggregator_text,
    read_aggregator,
)
from homespun_server.errors import OutputError, SettingsError, SigningKeyError
from homespun_server.passphrase import KEY_BYTES, NONCE_BYTES, SALT_BYTES, KeyCosts
from homespun_server.settings import PASSPHRASE_VARIABLE
from homespun_server.store import open_store

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""

FileT = TypeVar("FileT", bound=msgspec.Struct)


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What a new working directory is for.

    Attributes:
        role: ``leader`` or ``helper``.
        name: Who runs it.
        url: Its origin.
        passphrase: Seals its key.
        pairing: What leader and helper have in common; None: it is made.
        development: Whether one party runs both; of a helper its pairing says it.
        costs: What trying a passphrase costs.
    """

    role: Role
    name: str
    url: str
    passphrase: bytes
    pairing: PairingFile | None = None
    development: bool = False
    costs: KeyCosts = KeyCosts()


def make_aggregator(folder: Path, making: Making, entropy: Entropy = os.urandom) -> Secrets:
    """Make a working directory, with a key and an empty store.

    Args:
        folder: It must not be there, or be empty.
        making: What it is for.
        entropy: Gives salts, nonces and the pairing secret.

    Raises:
        MisuseError: The passphrase is too short, or the address is no origin.
        OutputError: The folder holds something, or cannot be made.
        StoreError: The store cannot be made.
    """
    private = X25519PrivateKey.generate()
    pairing = _paired(making, private.public_key().public_bytes_raw().hex(), entropy)
    text = aggregator_text(making.role, making.name, making.url, development=pairing.development)
    key = seal_key(
        private,
        role=making.role,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        passphrase=making.passphrase,
        costs=making.costs,
        salt=entropy(SALT_BYTES),
        nonce=entropy(NONCE_BYTES),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(
                f"{folder} holds something; it was left alone. Name a folder that is empty, or a new one."
            )
        _write_private(folder / KEY_FILE, _encoded(key))
        _write_private(folder / PAIRING_FILE, _encoded(pairing))
        (folder / FILE).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}. Choose another folder.") from error
    open_store(read_aggregator(folder, making.role).store, large=True).close()
    return Secrets(private, pairing.secret, pairing.helper)


def described(settings: AggregatorSettings) -> Aggregator:
    """Return what everybody may know of an aggregator, and a task says of it; nothing is opened.

    Raises:
        SigningKeyError: The key file is not there, or damaged.
    """
    return Aggregator(name=settings.name, url=settings.url, key=public_key(settings))


def read_description(path: Path) -> Aggregator:
    """Return what ``init`` and ``show`` print of an aggregator.

    Raises:
        MisuseError: It is not there, or is something else.
    """
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE_BYTES + 1), type=Aggregator)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(
            f"{path} is no description of an aggregator ({error}). Give what helper init printed, in a file."
        ) from error


def pair_with(settings: AggregatorSettings, helper: Aggregator) -> None:
    """Keep which helper a leader is paired with; nothing happens if it is that one already.

    Args:
        settings: The leader's.
        helper: As the helper's operator describes it.

    Raises:
        MisuseError: It is paired with another one, or the description is the leader's own.
        SigningKeyError: The pairing is not there, or damaged.
        OutputError: It cannot be written.
    """
    path = settings.folder / PAIRING_FILE
    pairing = read_pairing(path)
    if pairing.helper is not None and pairing.helper != helper:
        raise MisuseError(
            f"this leader is paired with {pairing.helper.url}, key {pairing.helper.key[:12]}. Another helper needs "
            "another pair: make both directories anew."
        )
    if helper.key == public_key(settings) or helper.url == settings.url:
        raise MisuseError("a leader cannot be its own helper. Give what helper init printed.")
    new = path.with_suffix(".new")
    try:
        new.unlink(missing_ok=True)
        _write_private(new, _encoded(msgspec.structs.replace(pairing, helper=helper)))
        new.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. It is as it was.") from error


def public_key(settings: AggregatorSettings) -> str:
    """Return the public key, in hexadecimal; nothing is opened.

    Raises:
        SigningKeyError: The key file is not there, or damaged.
    """
    return _read(settings.folder / KEY_FILE, AggregatorKeyFile).public


def open_secrets(settings: AggregatorSettings) -> Secrets:
    """Open an aggregator's key with its passphrase.

    Raises:
        SigningKeyError: It is not there, damaged, or the passphrase does not open it.
        SettingsError: Nobody gave the passphrase, or pairing and settings contradict each other.
    """
    if settings.passphrase is None:
        raise SettingsError(f"the {settings.role}'s key needs its passphrase; set {PASSPHRASE_VARIABLE}.")
    pairing = read_pairing(settings.folder / PAIRING_FILE)
    if pairing.development and not settings.development:
        raise SettingsError(
            f"{settings.folder / FILE} says that the other aggregator is another party's, and the pairing says that "
            "it is not. Pair anew with an aggregator of another party, or say development = true."
        )
    key = _read(settings.folder / KEY_FILE, AggregatorKeyFile)
    return Secrets(open_key(key, settings.passphrase.encode()), pairing.secret, pairing.helper)


def read_pairing(path: Path) -> PairingFile:
    """Return what a leader's operator handed over.

    Raises:
        SigningKeyError: It is not there, or damaged.
    """
    return _read(path, PairingFile)


def _paired(making: Making, key: str, entropy: Entropy) -> PairingFile:
    """Return what both have in common, with the new aggregator in it.

    Raises:
        MisuseError: The address is no origin, or the pairing has a helper already.
    """
    made = Aggregator(name=making.name, url=origin(making.url), key=key)
    if making.pairing is None:
        return PairingFile(secret=entropy(KEY_BYTES), development=making.development, leader=made)
    if making.pairing.helper is not None:
        raise MisuseError(
            f"this pairing has a helper already, {making.pairing.helper.url}. A new helper needs a new leader too."
        )
    return msgspec.structs.replace(making.pairing, helper=made)


def _read(path: Path, kind: type[FileT]) -> FileT:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        return msgspec.json.decode(raw, type=kind)
    except OSError as error:
        raise SigningKeyError(f"{path} cannot be read: {error}. Restore it from a backup.") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SigningKeyError(f"{path} is damaged ({error}); restore it from a backup.") from error


def _encoded(file: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def _write_private(path: Path, raw: bytes) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
