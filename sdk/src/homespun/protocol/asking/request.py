"""One request as a device gets it: what is asked, for the person to read, in a text of one length.

Every request fills the same ``PLAIN_BYTES``, so that what is sealed tells nothing by its length.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from homespun.errors import AskingError, MisuseError
from homespun.protocol.canonical import canonical

SCHEMA_VERSION: Final = 1
"""Version of the request that this package writes and reads."""

PLAIN_BYTES: Final = 992
"""Bytes of a request before it is sealed: two for its length, its canonical JSON, and zeros."""

MAX_TEXT: Final = 320
"""Most characters for the person; of scripts that need four bytes each, fewer fit."""

_LENGTH_BYTES = 2

Kind = Literal[
    "access", "portability", "rectification", "erasure", "restriction", "objection", "explanation", "opt-out"
]
"""What a person can ask for; the words of regulations are in the server's profiles of them."""

RequestId = Annotated[str, Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
_Line = Annotated[str, Meta(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class AskedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One request to one device.

    Attributes:
        schema: Version of the request.
        request: Its id at the operator's.
        kind: What is asked for.
        regulation: By which regulation's profile, for instance ``gdpr``.
        deadline: The day by which the operator has to answer, ISO 8601.
        verified: How the operator made sure that it is the person who asks, in few words.
        text: What the person is told, at most ``MAX_TEXT`` characters.
    """

    schema: Literal[1] = 1
    request: RequestId
    kind: Kind
    regulation: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
    deadline: Day
    verified: _Line
    text: Annotated[str, Meta(max_length=MAX_TEXT, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*\Z")]


def encode_request(request: AskedRequest) -> bytes:
    """Return a request as it is sealed: ``PLAIN_BYTES`` bytes.

    Raises:
        MisuseError: It does not fit, or is none that devices would read.
    """
    raw = canonical(msgspec.to_builtins(request))
    if len(raw) > PLAIN_BYTES - _LENGTH_BYTES:
        raise MisuseError(
            f"the request {request.request} has {len(raw)} bytes, and {PLAIN_BYTES - _LENGTH_BYTES} fit; shorten its "
            "text. It was not put on the list."
        )
    padded = (len(raw).to_bytes(_LENGTH_BYTES, "big") + raw).ljust(PLAIN_BYTES, b"\0")
    try:
        parse_request(padded)
    except AskingError as error:
        raise MisuseError(f"the request cannot be put to devices: {error}") from error
    return padded


def parse_request(padded: bytes) -> AskedRequest:
    """Return a request that was opened.

    Raises:
        AskingError: It is none, or not in its one spelling.
    """
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    raw = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(padded) != PLAIN_BYTES or len(raw) != length or any(padded[_LENGTH_BYTES + length :]):
        raise AskingError("what was asked is not of the one length that requests have; it is passed over.")
    try:
        request = msgspec.json.decode(raw, type=AskedRequest)
        spelled = canonical(msgspec.to_builtins(request))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, MisuseError) as error:
        raise AskingError(f"what was asked is no request that this homespun reads: {error}") from error
    if spelled != raw:
        raise AskingError("what was asked is not in its one spelling; it is passed over.")
    return request
