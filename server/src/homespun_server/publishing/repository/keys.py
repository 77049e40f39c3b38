"""Folders of private keys: the online ones beside the server, the root's and the targets' on something in a drawer.

A key is one file, so that it can be given to one person. Nothing but the file that is needed is opened, and what was
opened stays open as long as the store, so that a passphrase is paid for once.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey

from homespun_server.errors import SigningKeyError
from homespun_server.passphrase import NONCE_BYTES, SALT_BYTES, KeyCosts
from homespun_server.publishing.repository.files import PRIVATE, Step, make_folder, no_step, write
from homespun_server.publishing.repository.key_file import (
    MAX_FILE_BYTES,
    KeyFile,
    parse_key_file,
    seal,
    unseal,
)

SUFFIX = ".key.json"
"""End of a key file's name."""

Clock = Callable[[], datetime]
"""Gives the time, UTC."""

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""

Passphrase = Callable[[str], bytes]
"""Is told which key is wanted, in words for a person, and gives its passphrase."""


def utc_now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


class KeyStore:
    """The private keys in a folder, sealed under passphrases."""

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase,
        *,
        costs: KeyCosts | None = None,
        clock: Clock = utc_now,
        entropy: Entropy = os.urandom,
        step: Step = no_step,
    ) -> None:
        """Use a folder, which need not be there yet.

        Args:
            folder: The folder.
            passphrase: Asked for each key when it is needed first.
            costs: What trying a passphrase costs for keys that are made; None: the usual costs.
            clock: Gives the time.
            entropy: Gives the salts and nonces; the keys themselves come from the operating system.
            step: Is told every durable step.
        """
        self.folder = folder
        self._passphrase = passphrase
        self._costs = costs or KeyCosts()
        self._clock = clock
        self._entropy = entropy
        self._step = step
        self._open: dict[str, CryptoSigner] = {}

    def generate(self, role: str) -> SSlibKey:
        """Make a key for a role and return its public half.

        Raises:
            MisuseError: The passphrase is too short.
            SigningKeyError: The file cannot be written.
        """
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        file = seal(
            private,
            role=role,
            created=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            passphrase=self._passphrase(f"new {role} key in {self.folder}"),
            costs=self._costs,
            salt=self._entropy(SALT_BYTES),
            nonce=self._entropy(NONCE_BYTES),
        )
        try:
            make_folder(self.folder)
            write(self._path(file), file.encode(), self._step, f"{role} key", mode=PRIVATE)
        except OSError as error:
            raise SigningKeyError(f"the {role} key cannot be kept in {self.folder}: {error}.") from error
        self._open[file.keyid] = signer
        return signer.public_key

    def files(self) -> tuple[KeyFile, ...]:
        """Return what is known of every key in the folder without opening it, by role and age.

        Raises:
            SigningKeyError: A key file is damaged.
        """
        if not self.folder.is_dir():
            return ()
        files = [self._read(path) for path in self.folder.glob(f"*{SUFFIX}")]
        return tuple(sorted(files, key=lambda file: (file.role, file.created, file.keyid)))

    def holds(self, keyid: str) -> bool:
        """Return whether the key is in the folder."""
        return any(file.keyid == keyid for file in self.files())

    def signer(self, keyid: str) -> CryptoSigner:
        """Return what signs with a key.

        Raises:
            SigningKeyError: It is not here, or the passphrase does not open it.
        """
        if keyid not in self._open:
            file = next((file for file in self.files() if file.keyid == keyid), None)
            if file is None:
                raise SigningKeyError(f"there is no key {keyid[:12]} in {self.folder}; name the folder that has it.")
            self._open[keyid] = unseal(file, self._passphrase(f"{file.label} in {self.folder}"))
        return self._open[keyid]

    def delete(self, keyid: str) -> None:
        """Remove a key that nothing trusts any more; nothing happens if it is not here.

        Raises:
            SigningKeyError: The file cannot be removed.
        """
        self._open.pop(keyid, None)
        for file in self.files():
            if file.keyid == keyid:
                try:
                    self._path(file).unlink(missing_ok=True)
                except OSError as error:
                    raise SigningKeyError(f"the {file.label} cannot be removed: {error}.") from error
                self._step(f"{file.role} key: removed")

    def _path(self, file: KeyFile) -> Path:
        return self.folder / f"{file.role}-{file.keyid[:16]}{SUFFIX}"

    def _read(self, path: Path) -> KeyFile:
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise SigningKeyError(f"the key file {path} cannot be read: {error}.") from error
        if len(raw) > MAX_FILE_BYTES:
            raise SigningKeyError(f"the key file {path} is longer than {MAX_FILE_BYTES} bytes; it is no key file.")
        return parse_key_file(raw, str(path))


class Keys:
    """Several stores as one: whichever has a key signs with it."""

    def __init__(self, online: KeyStore, offline: Sequence[KeyStore] = ()) -> None:
        """Name the stores.

        Args:
            online: Where the keys of snapshot, timestamp and channels are made.
            offline: Where those of root and targets are made, root keys in turn; none: with the others.
        """
        self.online = online
        self.apart = bool(offline)
        self.offline = tuple(offline) or (online,)
        self.stores = tuple(dict.fromkeys((online, *offline)))

    def signers(self, keyids: Iterable[str]) -> list[CryptoSigner]:
        """Return what signs with those of the keys that are here, each once."""
        wanted = dict.fromkeys(keyids)
        return [store.signer(keyid) for keyid in wanted for store in self._holding(keyid)]

    def count(self, keyids: Iterable[str]) -> int:
        """Return how many of the keys are here; none is opened."""
        return len(set(keyids) & {file.keyid for store in self.stores for file in store.files()})

    def holders(self, keyids: Iterable[str]) -> set[str]:
        """Return the distinct folders that hold the keys; a key that is not here stands for a folder of its own."""
        found = {keyid: self._holding(keyid) for keyid in keyids}
        return {str(stores[0].folder.resolve()) if stores else keyid for keyid, stores in found.items()}

    def delete(self, keyids: Iterable[str]) -> None:
        """Remove keys from wherever they are."""
        for keyid in keyids:
            for store in self.stores:
                store.delete(keyid)

    def _holding(self, keyid: str) -> list[KeyStore]:
        return [store for store in self.stores if store.holds(keyid)][:1]
