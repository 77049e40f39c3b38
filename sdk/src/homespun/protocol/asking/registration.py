"""The registration: a device tells the operator that it may be asked, for which account, and who will sign.

What is said in the clear is what the person can read in the ledger: the account, a random device id, the public half of
the receipt key. The asking secret alone is sealed (HPKE, RFC 9180, base mode: X25519, HKDF-SHA-256, AES-128-GCM) to the
operator's asking key, and bound to the rest. The receipt key signs all of it (Ed25519, RFC 8032), so that nobody
registers a key that is not theirs.

That the account is this person's is for the operator to say: the *voucher* is what the application's backend gave to
whoever logged in, ``<expires>.<HMAC-SHA-256 of account and expiry>`` (RFC 2104). Without it anybody could have
somebody else's requests put to their own device.
"""

import hmac
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Meta

from homespun.errors import AskingError, MisuseError
from homespun.protocol.asking.listing import SECRET_BYTES
from homespun.protocol.canonical import canonical
from homespun.protocol.consent_report import check_account, is_drawn

SCHEMA_VERSION: Final = 1
"""Version of the registration that this package writes and reads."""

PREFIX: Final = b"homespun registration 1\n"
"""Separates what is signed here from anything else that the same key signs."""

MAX_REGISTRATION_BYTES: Final = 4096
DEVICE_BYTES: Final = 16
HOLDS_DAYS: Final = 180
"""A device that did not register again for so many days is asked no more; it counts as lost, never as done."""

_SEALED_DIGITS = 2 * (32 + SECRET_BYTES + 16)
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
_SEAL = b"homespun asking secret 1\n"
_VOUCHER = b"homespun voucher 1\n"

Account = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
DeviceId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Signature = Annotated[str, Meta(pattern=r"^([0-9a-f]{128})?\Z")]
Voucher = Annotated[str, Meta(pattern=r"^[0-9]{1,12}\.[0-9a-f]{64}\Z")]

_VOUCHERS = re.compile(r"[0-9]{1,12}\.[0-9a-f]{64}\Z")


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a device sends to be asked; make it with ``make_registration``.

    Attributes:
        schema: Version of the registration.
        account: What the operator calls the person.
        voucher: Says that the operator's application let this person in.
        device: The device's random id, 32 hexadecimal digits; a new one for each time that the person agrees.
        key: The public key that verifies its receipts, 64 hexadecimal digits.
        sequence: How many times it has registered; a message that came before counts for nothing.
        sealed: The asking secret, sealed, in hexadecimal.
        signature: By the receipt key; 128 hexadecimal digits.
    """

    schema: Literal[1] = 1
    account: Account
    voucher: Voucher
    device: DeviceId
    key: Key
    sequence: Annotated[int, Meta(ge=1, le=1_000_000)]
    sealed: Annotated[str, Meta(pattern=rf"^[0-9a-f]{{{_SEALED_DIGITS}}}\Z")]
    signature: Signature = ""


def make_registration(
    account: str,
    voucher: str,
    *,
    device: str,
    sequence: int,
    secret: bytes,
    asking_key: str,
    key: str,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """Return a registration as it is sent.

    Args:
        account: What the operator calls the person.
        voucher: What the operator's backend gave.
        device: The device's id.
        sequence: How many times it has registered, with this time.
        secret: Its asking secret, 32 bytes.
        asking_key: The operator's asking key, 64 hexadecimal digits.
        key: The public half of the receipt key.
        sign: Signs with the receipt key.

    Raises:
        MisuseError: An argument is not what it should be.
    """
    try:
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(asking_key))
    except ValueError as error:
        raise MisuseError("the operator's asking key is 64 hexadecimal digits; nothing was registered.") from error
    sealed = _SUITE.encrypt(secret, public, _bound(account, device, key)).hex()
    bare = Registration(account=account, voucher=voucher, device=device, key=key, sequence=sequence, sealed=sealed)
    raw = canonical(msgspec.to_builtins(msgspec.structs.replace(bare, signature=sign(_signed(bare)).hex())))
    try:
        parse_registration(raw)
    except AskingError as error:
        raise MisuseError(f"this cannot be registered: {error}") from error
    return raw


def parse_registration(raw: bytes) -> Registration:
    """Return a registration whose signature is its own key's.

    Raises:
        AskingError: It is malformed, another version's, or its signature does not fit.
    """
    if len(raw) > MAX_REGISTRATION_BYTES:
        raise AskingError(f"a registration has at most {MAX_REGISTRATION_BYTES} bytes; this one is refused.")
    try:
        found = msgspec.json.decode(raw, type=Registration)
        if canonical(msgspec.to_builtins(found)) != raw:
            raise AskingError("the registration is not in its one spelling; it is refused.")
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.key)).verify(
            bytes.fromhex(found.signature), _signed(found)
        )
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise AskingError(f"this is no registration that this homespun reads: {error}") from error
    except InvalidSignature as error:
        raise AskingError("the registration was not signed with the key that it registers; it is refused.") from error
    return found


def opened_secret(registration: Registration, asking: X25519PrivateKey) -> bytes:
    """Return the asking secret of a registration.

    Raises:
        AskingError: It was sealed to another key, or for something else.
    """
    info = _bound(registration.account, registration.device, registration.key)
    try:
        secret = _SUITE.decrypt(bytes.fromhex(registration.sealed), asking, info)
    except (InvalidTag, ValueError) as error:
        raise AskingError("the secret was not sealed to this operator's asking key; it is refused.") from error
    if len(secret) != SECRET_BYTES:
        raise AskingError(f"an asking secret has {SECRET_BYTES} bytes; this one is refused.")
    return secret


def voucher_of(key: bytes, account: str, expires: int) -> str:
    """Return what the operator's backend gives to whoever logged in to an account.

    Args:
        key: The operator's vouching key.
        account: The account.
        expires: Until when a device may register with it, seconds since 1970.

    Raises:
        MisuseError: The account is called as installations are, 32 hexadecimal digits.
    """
    check_account(account)
    message = _VOUCHER + canonical([account, expires])
    return f"{expires}.{hmac.digest(key, message, sha256).hex()}"


def check_voucher(key: bytes, registration: Registration, now: float) -> None:
    """Check that the operator let this person in to the account that is registered.

    Raises:
        AskingError: The voucher is of another account, made up, or over.
    """
    if not is_vouched(key, registration.account, registration.voucher, now):
        raise AskingError("the voucher is not this account's, or is over; log in again, which gives a new one.")


def is_voucher(text: str) -> bool:
    """Return whether a text has the form of a voucher; whose it is, is another matter."""
    return _VOUCHERS.match(text) is not None


def is_vouched(key: bytes, account: str, voucher: str, now: float) -> bool:
    """Return whether the operator let whoever has a voucher in to an account, and it is not over.

    Args:
        key: The operator's vouching key.
        account: The account.
        voucher: The voucher, ``<expires>.<HMAC-SHA-256>``.
        now: Seconds since 1970.
    """
    if is_drawn(account) or not is_voucher(voucher):
        return False
    expires = int(voucher.partition(".")[0])
    return hmac.compare_digest(voucher_of(key, account, expires), voucher) and now < expires


def _bound(account: str, device: str, key: str) -> bytes:
    return _SEAL + canonical([account, device, key])


def _signed(registration: Registration) -> bytes:
    members = msgspec.to_builtins(registration)
    del members["signature"]
    return PREFIX + canonical(members)
