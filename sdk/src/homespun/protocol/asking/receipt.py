"""The device receipt: what a device did of a request, signed with the receipt key that it registered.

It holds evidence by the kind of request, and nothing of the profile:

- erasure: the receipt of the erasure (``homespun.protocol.receipts``), in the copy that is for the operator: without
  the profile's id, and without what the device contributed to sums, which nobody is to learn by name.
- access, portability, explanation: the SHA-256 of the file that the person got on their device. The file stays there.
- restriction, objection, opt-out: the settings and purposes that were set or withdrawn, by their names.
- rectification: nothing; the person says that they did it.

A person may decline; that is an answer too. Sequences ascend with each answer of a device, so that a receipt which came
before counts for nothing.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from homespun.errors import MisuseError, ReceiptError
from homespun.protocol import receipts
from homespun.protocol.asking.registration import DeviceId, Key, Signature
from homespun.protocol.asking.request import Kind, RequestId
from homespun.protocol.canonical import canonical
from homespun.protocol.receipts import Receipt, Time

SCHEMA_VERSION: Final = 1
"""Version of the device receipt that this package writes and reads."""

PREFIX: Final = b"homespun device receipt 1\n"
"""Separates what is signed here from anything else that the same key signs."""

MAX_RECEIPT_BYTES: Final = 1 << 16

_HELD_BACK: Final = (
    "Aggregates already released: named in the receipt that the person has on the device, and not told to the operator."
)
_FILES = ("access", "portability", "explanation")
_SETTINGS = ("restriction", "objection", "opt-out")

Outcome = Literal["done", "declined"]


class DeviceReceipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a device did of a request; make it with ``sign``.

    Attributes:
        schema: Version of the device receipt.
        request: The request's id at the operator's.
        kind: What was asked for.
        device: Who answers.
        sequence: Ascends with each answer of this device; there may be gaps, where one was begun and never made.
        time: When, by the device's clock; see ``receipts.Time``.
        outcome: Whether it was done, or the person declined.
        by: Who decided: the person, or the application, which the person let execute such requests.
        erasure: The receipt of an erasure, signed with the same key.
        digest: SHA-256 of the file that the person got; empty where there is none.
        settings: What was set or withdrawn, by name.
        signature: 128 hexadecimal digits; empty where nobody signed yet.

    Raises:
        MisuseError: On construction, if what was done lacks its evidence, or bears another's.
    """

    schema: Literal[1] = 1
    request: RequestId
    kind: Kind
    device: DeviceId
    sequence: Annotated[int, Meta(ge=1, le=1_000_000)]
    time: Time
    outcome: Outcome
    by: Literal["person", "application"]
    erasure: Receipt | None = None
    digest: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    settings: Annotated[tuple[Annotated[str, Meta(pattern=r"^[a-z_:]{1,60}\Z")], ...], Meta(max_length=20)] = ()
    signature: Signature = ""

    def __post_init__(self) -> None:
        """Refuse a receipt whose evidence is not that of its kind."""
        done = self.outcome == "done"
        there = (self.erasure is not None, bool(self.digest), bool(self.settings))
        if there != (done and self.kind == "erasure", done and self.kind in _FILES, done and self.kind in _SETTINGS):
            raise MisuseError(
                f"a receipt of {self.kind} that is {self.outcome} lacks its evidence, or bears another's."
            )


def operators_copy(receipt: Receipt, sign_with: Callable[[bytes], bytes], key: str) -> Receipt:
    """Return the receipt of an erasure as the operator gets it: without the profile's id and what was contributed.

    Args:
        receipt: As the erasure returned it.
        sign_with: Signs with the receipt key.
        key: The public half of that key.
    """
    rest = tuple(each for each in receipt.out_of_scope if not each.startswith("Aggregates already released"))
    bare = msgspec.structs.replace(receipt, profile="", out_of_scope=(*rest, _HELD_BACK))
    return receipts.sign(bare, sign_with, key)


def sign(receipt: DeviceReceipt, sign_with: Callable[[bytes], bytes]) -> DeviceReceipt:
    """Return the receipt, signed.

    Args:
        receipt: What is to be signed.
        sign_with: Gives the Ed25519 signature of a message, 64 bytes.
    """
    return msgspec.structs.replace(receipt, signature=sign_with(_signed(receipt)).hex())


def verify(receipt: DeviceReceipt, key: Key) -> None:
    """Check that the device signed the receipt, and that of the erasure in it.

    Args:
        receipt: As it arrived.
        key: The receipt key that the device registered, 64 hexadecimal digits.

    Raises:
        ReceiptError: Another key signed, or something was changed since.
    """
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(receipt.signature), _signed(receipt))
    except (ValueError, InvalidSignature) as error:
        raise ReceiptError(
            "the receipt was not signed with the key that this device registered, or was changed since. It proves "
            "nothing, and the request stays open for the device."
        ) from error
    if receipt.erasure is not None:
        receipts.verify(receipt.erasure, public_key=key)


def encode_receipt(receipt: DeviceReceipt) -> bytes:
    """Return the receipt as canonical JSON (RFC 8785), as it is sent and kept."""
    return canonical(msgspec.to_builtins(receipt))


def parse_receipt(raw: bytes) -> DeviceReceipt:
    """Return the receipt that ``encode_receipt`` wrote; ``verify`` is another matter.

    Raises:
        ReceiptError: It is none, of another version, or lacks its evidence.
    """
    if len(raw) > MAX_RECEIPT_BYTES:
        raise ReceiptError(f"a device receipt has at most {MAX_RECEIPT_BYTES} bytes; this is something else.")
    try:
        found = msgspec.json.decode(raw, type=DeviceReceipt)
        spelled = encode_receipt(found)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, MisuseError) as error:
        raise ReceiptError(f"this is no device receipt that this homespun reads: {error}") from error
    if spelled != raw:
        raise ReceiptError("the receipt is not in its one spelling; it is refused.")
    return found


def _signed(receipt: DeviceReceipt) -> bytes:
    members = msgspec.to_builtins(receipt)
    del members["signature"]
    return PREFIX + canonical(members)
