"""Devices that registered to be asked, by the pseudonym of the person whose they are."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from hmac import digest
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from homespun.errors import AskingError
from homespun.protocol.asking.receipt import DeviceReceipt
from homespun.protocol.asking.registration import (
    HOLDS_DAYS,
    Registration,
    check_voucher,
    opened_secret,
    parse_registration,
    voucher_of,
)
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.errors import StoreError
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_asking import asking_answers, asking_devices

MAX_DEVICES = 50
"""Most devices of one person; who registers more has lost control of their vouchers."""

_NONCE_BYTES = 12
_KEYS_OF = b"homespun device keys 1\n"
_AT_ONCE = 500


class Pseudonyms(Protocol):
    """What knows people by pseudonym; ``compliance.consent.Subjects``."""

    def pseudonym_within(self, connection: Connection, identifier: str, *, create: bool) -> str | None:
        """Return the pseudonym of who the operator calls so."""


class Log(Protocol):
    """What devices need of the transparency log."""

    def append_within(
        self,
        connection: Connection,
        kind: Literal["receipt"],
        content: Mapping[str, object],
        *,
        reference: str,
        subject: str | None = None,
    ) -> int:
        """Append an entry in the caller's transaction, and return its index."""

    def forget_within(self, connection: Connection, subject: str) -> int:
        """Destroy the openings of a subject's entries and return how many there were."""


@dataclass(frozen=True)
class Device:
    """A device that registered.

    Attributes:
        device: Its id, 32 hexadecimal digits.
        subject: The person's pseudonym.
        key: What verifies its receipts, 64 hexadecimal digits.
        secret: Its asking secret.
        renewed: When it registered last, ISO 8601, UTC.
    """

    device: str
    subject: str
    key: str
    secret: bytes = field(repr=False)
    renewed: str


class Devices:
    """The devices in a store. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        keys: ComplianceKeys,
        subjects: Pseudonyms,
        log: Log,
        now: Now = utc_now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            keys: Open what devices seal.
            subjects: Knows people by pseudonym.
            log: The transparency log of the same store.
            now: Returns the time.
            entropy: Returns so many unpredictable bytes.
        """
        self._store = store
        self._keys = keys
        self._subjects = subjects
        self._log = log
        self._now = now
        self._entropy = entropy
        self._rest = _derived(keys, b"homespun asking at rest 1\n")

    @property
    def vouching_key(self) -> bytes:
        """What vouchers are made with, for the backend that lets people log in; 32 bytes, secret."""
        return self._keys.vouching

    def voucher(self, account: str, hours: float = 24.0) -> str:
        """Return what lets devices register for an account.

        Args:
            account: What the operator calls the person.
            hours: For so long.
        """
        expires = int((self._now() + timedelta(hours=hours)).timestamp())
        return voucher_of(self._keys.vouching, account, expires)

    def known_as(self, account: str) -> str | None:
        """Return the pseudonym of who the operator calls so; None: they have none.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return self._subjects.pseudonym_within(connection, account, create=False)

    def register(self, raw: bytes) -> Device:
        """Take a registration; one that came before, or is older than what is known, changes nothing.

        Raises:
            AskingError: It is malformed or forged, nobody let this person in, or the device is somebody else's.
            StoreError: If the store cannot be used.
        """
        found = parse_registration(raw)
        check_voucher(self._keys.vouching, found, self._now().timestamp())
        secret = opened_secret(found, self._keys.asking)
        with self._store.writing() as connection:
            subject = self._subjects.pseudonym_within(connection, found.account, create=True) or ""
            known = connection.execute(_of(found.device)).one_or_none()
            if known is None:
                self._check_room(connection, subject)
                connection.execute(insert(asking_devices).values(self._row(found, subject, secret, answered=0)))
            elif (known.key, known.subject) != (found.key, subject):
                raise AskingError("this device is registered with another key, or for somebody else; it is refused.")
            elif found.sequence > known.sequence:
                row = self._row(found, subject, secret, answered=known.answered)
                connection.execute(update(asking_devices).where(asking_devices.c.device == found.device).values(row))
            kept = connection.execute(_of(found.device)).one()
            self._key_logged(connection, kept)
            return self._device(kept)

    def receipt_logged_within(self, connection: Connection, receipt: DeviceReceipt, raw: bytes) -> int:
        """Commit in the log to a receipt that was verified, and to which registered key it was verified with.

        Append last in a transaction; the receipt's words are in the request's timeline, and not in the log.

        Args:
            connection: The transaction's.
            receipt: The receipt; its device is registered.
            raw: The same as it came.
        """
        key = self._key_logged(connection, connection.execute(_of(receipt.device)).one())
        content = {
            "what": "device receipt",
            "request": receipt.request,
            "device": receipt.device,
            "sha256": sha256(raw).hexdigest(),
            "key": key,
        }
        reference = f"answer {receipt.request} {receipt.device}"
        return self._log.append_within(connection, "receipt", content, reference=reference)

    def get_within(self, connection: Connection, device: str) -> Row[Any] | None:
        """Return a device's row; None: it never registered, or was forgotten."""
        return connection.execute(_of(device)).one_or_none()

    def of_within(self, connection: Connection, subject: str) -> tuple[Device, ...]:
        """Return a person's devices that are still expected to answer."""
        query = select(asking_devices).where(
            asking_devices.c.subject == subject, asking_devices.c.renewed >= self._oldest()
        )
        return tuple(map(self._device, connection.execute(query.order_by(asking_devices.c.device))))

    def named_within(self, connection: Connection, names: Iterable[str]) -> Iterator[Device]:
        """Yield devices by their ids, those that are still expected to answer."""
        wanted = sorted(set(names))
        for start in range(0, len(wanted), _AT_ONCE):
            query = select(asking_devices).where(
                asking_devices.c.device.in_(wanted[start : start + _AT_ONCE]),
                asking_devices.c.renewed >= self._oldest(),
            )
            yield from map(self._device, connection.execute(query))

    def is_lost(self, renewed: str) -> bool:
        """Return whether a device that registered last at a moment is not expected to answer any more."""
        return renewed < self._oldest()

    def forget_within(self, connection: Connection, subject: str) -> int:
        """Forget a person's devices and what they answered; return how many devices there were."""
        names = select(asking_devices.c.device).where(asking_devices.c.subject == subject)
        connection.execute(delete(asking_answers).where(asking_answers.c.device.in_(names)))
        self._log.forget_within(connection, keys_of(subject))
        return connection.execute(delete(asking_devices).where(asking_devices.c.subject == subject)).rowcount

    def count(self) -> int:
        """Return how many devices are registered.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return connection.execute(select(func.count()).select_from(asking_devices)).scalar_one()

    def _key_logged(self, connection: Connection, row: Row[Any]) -> int:
        """Commit in the log to the key that a device registered, once; what shows it is forgotten with the device."""
        content = {"what": "device key", "device": row.device, "key": row.key}
        reference = f"device {row.device} {row.key} {row.subject}"
        return self._log.append_within(
            connection, "receipt", content, reference=reference, subject=keys_of(row.subject)
        )

    def _check_room(self, connection: Connection, subject: str) -> None:
        query = select(func.count()).select_from(asking_devices).where(asking_devices.c.subject == subject)
        if connection.execute(query).scalar_one() >= MAX_DEVICES:
            raise AskingError(f"this person has {MAX_DEVICES} devices already; another one is refused.")

    def _oldest(self) -> str:
        return text_of(self._now() - timedelta(days=HOLDS_DAYS))

    def _row(self, found: Registration, subject: str, secret: bytes, *, answered: int) -> dict[str, object]:
        nonce = self._entropy(_NONCE_BYTES)
        return {
            "device": found.device,
            "subject": subject,
            "key": found.key,
            "secret": nonce + AESGCM(self._rest).encrypt(nonce, secret, found.device.encode()),
            "sequence": found.sequence,
            "renewed": text_of(self._now()),
            "answered": answered,
        }

    def _device(self, row: Row[Any]) -> Device:
        known = row._asdict()
        sealed = known["secret"]
        try:
            secret = AESGCM(self._rest).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], known["device"].encode())
        except InvalidTag as error:
            raise StoreError(
                f"the secret of device {known['device']} was changed, or was kept under other keys. Restore the store "
                "and keys/compliance.json from backups that belong together."
            ) from error
        return Device(known["device"], known["subject"], known["key"], secret, known["renewed"])


def keys_of(subject: str) -> str:
    """Return under what the log keeps what shows the keys of a person's devices.

    It is not the pseudonym: while an erasure is worked on, devices still answer, and their receipts are to be checked.
    """
    return sha256(_KEYS_OF + subject.encode()).hexdigest()


def _of(device: str) -> Select[Any]:
    return select(asking_devices).where(asking_devices.c.device == device)


def _derived(keys: ComplianceKeys, what: bytes) -> bytes:
    """Return 32 bytes for one use, from the asking key (HMAC-SHA-256 as a pseudorandom function, RFC 2104)."""
    return digest(keys.asking.private_bytes_raw(), what, sha256)
