"""The receipt: what an erasure did, store by store, what it cannot speak for, and who signed it.

A level is claimed only for what was checked:

- ``key_destroyed``: the store is encrypted, and the key that opens it lived apart from it and is gone.
- ``physical``: the medium itself was checked to hold it no longer.
- ``logical``: it was overwritten and removed as far as the operating system shows.
- ``unverified``: something is left, or could not be checked; the detail says what.

What is signed (Ed25519, RFC 8032) is ``PREFIX`` and the canonical JSON (RFC 8785) of everything but the signature.
The signature shows that nothing was changed since, and which key signed. Non-goal: a receipt carries its own key,
so who made it is known only to whoever knows the profile's key from elsewhere and gives it to ``verify``.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homespun.errors import MisuseError, ReceiptError
from homespun.protocol.canonical import canonical

SCHEMA_VERSION: Final = 2
"""Version of the receipt that this package writes and reads. Version 1 was not signed and never stored."""

PREFIX: Final = b"homespun erasure receipt 2\n"
"""Separates what is signed here from anything else that the same key signs."""

MAX_SIZE: Final = 1 << 20
"""Bytes in an encoded receipt that is read."""

EVERYTHING: Final = "everything"
"""The scope of a complete erasure."""

Level = Literal["key_destroyed", "physical", "logical", "unverified"]

Signer = Literal["device", "fresh"]
"""``device``: the profile's own key. ``fresh``: a key made for this receipt, as the profile could not be opened."""

Time = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,15}\.[0-9]{6}$", max_length=32)]
"""Seconds since 1970-01-01 UTC, as decimal text with microseconds."""

PublicKey = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$", max_length=64)]
Signature = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{128})?$", max_length=128)]

OUT_OF_SCOPE: Final = (
    "Blocks that a solid-state disk keeps for wear levelling after they were overwritten.",
    "Older blocks on file systems that write copies instead of overwriting, such as APFS, btrfs and ZFS.",
    "Blocks that the file system took back earlier, as when a log was emptied or a file replaced by another.",
    "Memory that the operating system wrote to a disk: swap space, hibernation images and core dumps.",
    "Snapshots and shadow copies that the operating system or its file system made.",
    "Backups and copies that somebody else made of the profile's folder or of the keyring.",
)
"""What no program can vouch for; part of every receipt, with a line on what was released (``released_line``)."""

_RELEASED: Final = "Aggregates already released"


def released_line(released: Iterable[tuple[str, str]] | None) -> str:
    """Return what a receipt says about what left the profile before, which no erasure reaches.

    Args:
        released: Everything that was sent: what it was, and its ε as decimal text. None where the profile could
            not be opened, so that nobody knows.
    """
    if released is None:
        return f"{_RELEASED}: unknown, because the profile's ledger of what left could not be read."
    sent = Counter(released)
    if not sent:
        return f"{_RELEASED}: none; by the profile's ledger nothing ever left it."
    told = "; ".join(f"{what} (ε = {epsilon}{_times(count)})" for (what, epsilon), count in sorted(sent.items()))
    return f"{_RELEASED}, which cannot be called back: {told}."


def _times(count: int) -> str:
    return "" if count == 1 else f" each, {count} times"


def limits(released: Iterable[tuple[str, str]] | None) -> tuple[str, ...]:
    """Return everything that a receipt does not speak for; see ``released_line``."""
    return (*OUT_OF_SCOPE, released_line(released))


def decimal_time(seconds: float) -> str:
    """Return a time as receipts write it: decimal text with microseconds.

    Args:
        seconds: Since 1970-01-01 UTC.

    Raises:
        MisuseError: It is no number.
    """
    if not math.isfinite(seconds) or abs(seconds) >= 1e15:  # noqa: PLR2004 - as the pattern of Time
        raise MisuseError(f"the time {seconds!r} is no time; give seconds since 1970-01-01 UTC.")
    return f"{seconds:.6f}"


class StoreErasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to one store.

    Attributes:
        store: What was erased, for instance ``profile key``.
        level: What is claimed; see the module's text.
        detail: The same in plain words, with the reason for the level.
    """

    store: str
    level: Level
    detail: str


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Proof of an erasure for the person whose profile it was; make it with ``sign``.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        profile: The profile's random id, 32 hexadecimal digits; empty if it could not be read any more.
        time: When the erasure ended; see ``Time``.
        scope: What was to be erased, in plain words. A receipt that names an item keeps it, so one that does is
            handed out and never stored.
        stores: What happened to each store.
        out_of_scope: What the receipt does not speak for: OUT_OF_SCOPE, a ``released_line`` and possibly more.
        signer: Whose key signed.
        public_key: The Ed25519 key that verifies, 64 hexadecimal digits; empty where nobody signed yet.
        signature: 128 hexadecimal digits; empty where nobody signed yet.

    Raises:
        MisuseError: On construction, if ``out_of_scope`` hides what nobody can vouch for.
    """

    schema: int = SCHEMA_VERSION
    profile: str
    time: Time
    scope: str = EVERYTHING
    stores: tuple[StoreErasure, ...]
    out_of_scope: tuple[str, ...] = limits(None)
    signer: Signer = "fresh"
    public_key: PublicKey = ""
    signature: Signature = ""

    def __str__(self) -> str:
        """Return the receipt in words, a line a store."""
        profile = f"profile {self.profile}" if self.profile else "a profile that could not be read"
        stores = [f"  {store.store}: {store.level}. {store.detail}" for store in self.stores]
        missing = [f"  {limit}" for limit in self.out_of_scope]
        erased = [f"Erased {self.scope} of {profile}:", *stores] if stores else ["There was nothing to erase."]
        return "\n".join([*erased, "Not covered by this receipt:", *missing, _signed_by(self)])

    def __post_init__(self) -> None:
        """Refuse a receipt that claims more than anybody can know."""
        hidden = [limit for limit in OUT_OF_SCOPE if limit not in self.out_of_scope]
        if not any(limit.startswith(_RELEASED) for limit in self.out_of_scope):
            hidden.append(f"{_RELEASED}.")
        if hidden:
            raise MisuseError(f"A receipt must name what it cannot speak for; missing: {' '.join(hidden)}")


def sign(receipt: Receipt, sign: Callable[[bytes], bytes], public_key: str, *, signer: Signer = "device") -> Receipt:
    """Return the receipt, signed.

    Args:
        receipt: What is to be signed.
        sign: Gives the Ed25519 signature of a message, 64 bytes.
        public_key: The key that verifies it, 64 hexadecimal digits.
        signer: Whose key it is.

    Raises:
        ReceiptError: The signature is not of that key.
    """
    named = msgspec.structs.replace(receipt, signer=signer, public_key=public_key, signature="")
    signed = msgspec.structs.replace(named, signature=sign(signed_bytes(named)).hex())
    verify(signed, public_key=public_key)
    return signed


def signed_bytes(receipt: Receipt) -> bytes:
    """Return the bytes that the signature is about."""
    members = msgspec.to_builtins(receipt)
    del members["signature"]
    return PREFIX + canonical(members)


def verify(receipt: Receipt, *, public_key: str | None = None) -> None:
    """Check that nothing was changed since the receipt was signed, and by whom it was signed.

    Args:
        receipt: As it was handed out.
        public_key: The key that must have signed, as known from elsewhere, 64 hexadecimal digits. Without it any
            key will do, so that somebody who forged a whole receipt is not noticed.

    Raises:
        ReceiptError: It was changed, nobody signed it, or another key did.
    """
    if public_key is not None and receipt.public_key != public_key:
        raise ReceiptError(
            "Another key signed this receipt than the one that was expected, so it does not come from that profile. "
            "A profile that could not be opened is erased with a receipt of a fresh key; compare what it says by hand."
        )
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt.public_key))
        key.verify(bytes.fromhex(receipt.signature), signed_bytes(receipt))
    except (ValueError, InvalidSignature) as error:
        raise ReceiptError(
            "The receipt's signature does not fit: it was changed since it was signed, or nobody signed it. It proves "
            "nothing; use the receipt as it was handed out."
        ) from error


def encode(receipt: Receipt) -> bytes:
    """Return the receipt as canonical JSON, to be kept or passed on."""
    return canonical(msgspec.to_builtins(receipt))


def decode(data: bytes) -> Receipt:
    """Return the receipt that ``encode`` wrote; ``verify`` is another matter.

    Raises:
        ReceiptError: It is no receipt, hides what receipts must name, or is of another version.
    """
    if len(data) > MAX_SIZE:
        raise ReceiptError(f"A receipt has at most {MAX_SIZE} bytes; this is something else, and was not read.")
    try:
        schema = msgspec.json.decode(data, type=_Versioned).schema
        if schema == SCHEMA_VERSION:
            return msgspec.json.decode(data, type=Receipt)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReceiptError(f"This is no receipt of an erasure ({error}). Use the file as it was handed out.") from error
    raise ReceiptError(
        f"The receipt has schema {schema}; this homespun reads {SCHEMA_VERSION}. Read it with the version that wrote "
        "it, or a newer one."
    )


class _Versioned(msgspec.Struct):
    schema: int


def _signed_by(receipt: Receipt) -> str:
    if not receipt.signature:
        return "Nobody signed this receipt."
    if receipt.signer == "device":
        return f"Signed with the profile's own key {receipt.public_key}."
    return (
        f"Signed with key {receipt.public_key}, which was made for this receipt because the profile's own could not "
        "be had: it shows that nothing was changed since."
    )
