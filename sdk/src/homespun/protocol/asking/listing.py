"""The list of open requests: one encrypted list, the same for all devices.

::

    magic (18)  version (2)  nonce (32)  made (8)  expires (8)  |  entry, entry, ...
    entry: tag (16)  sealed request (PLAIN_BYTES + 16)

Times are seconds since 1970, big-endian. For each list, device and slot (a device has up to ``SLOTS`` requests open at
once) HKDF-SHA-256 (RFC 5869), salted with the list's nonce, makes from the device's asking secret: the tag, and the key
and nonce under which the request is sealed (AES-256-GCM, NIST SP 800-38D), bound to the head of the list and the tag.

What nobody but the device can tell: without the secret, tags and sealed requests are bits of a pseudorandom function's
making, and the entries that fill the list up are random bits. Entries are in the order of their tags, so that their
place tells nothing either. There are ``2^k`` entries and never fewer than ``least``. A new nonce makes every tag and
every byte of the next list another one, so lists cannot be linked.

Non-goals: the list does not hide how many requests are open beyond that power of two. Whoever can show one device
another list than all others learns from the receipt, if there is one, that the device exists; see the threat model.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from homespun.errors import AskingError, MisuseError
from homespun.protocol.asking.request import PLAIN_BYTES, AskedRequest, encode_request, parse_request

MAGIC: Final = b"homespun requests\n"
VERSION: Final = 1
NONCE_BYTES: Final = 32
SECRET_BYTES: Final = 32
"""Bytes of a device's asking secret."""

TAG_BYTES: Final = 16
ENTRY_BYTES: Final = TAG_BYTES + PLAIN_BYTES + 16
"""Bytes of every entry: 1024."""

SLOTS: Final = 8
"""Most open requests of one device in one list."""

LEAST_ENTRIES: Final = 64
"""Entries of a list in which nothing is asked."""

MAX_ENTRIES: Final = 1 << 14
"""Most entries of a list: 16 MiB."""

MAX_LIFE_SECONDS: Final = 30 * 86_400
"""Longest time for which a list is believed, seconds."""

_HEAD = struct.Struct(f">18sH{NONCE_BYTES}sQQ")
_KEY_BYTES = 32
_GCM_NONCE_BYTES = 12
_INFO = b"homespun asking entry 1\n"

MAX_LIST_BYTES: Final = _HEAD.size + MAX_ENTRIES * ENTRY_BYTES


@dataclass(frozen=True)
class Asked:
    """A request to a device, with what makes its entry.

    Attributes:
        device: The device's id, 16 bytes.
        secret: Its asking secret, 32 bytes.
        request: What it is asked.
    """

    device: bytes
    secret: bytes
    request: AskedRequest


@dataclass(frozen=True)
class RequestList:
    """A list that was read; its entries are still sealed.

    Attributes:
        head: Its first bytes, to which every entry is bound.
        nonce: 32 bytes.
        made: When, seconds since 1970.
        expires: Until when it is believed, seconds since 1970.
        entries: Tag and sealed request, in the order of the tags.
    """

    head: bytes
    nonce: bytes
    made: int
    expires: int
    entries: tuple[tuple[bytes, bytes], ...]


def list_path(channel: str) -> str:
    """Return the target path of a channel's list."""
    return f"{channel}/requests/list.bin"


def encode_list(
    asked: Iterable[Asked],
    *,
    made: int,
    expires: int,
    entropy: Callable[[int], bytes],
    least: int = LEAST_ENTRIES,
) -> bytes:
    """Return the list.

    Args:
        asked: What is asked of which device.
        made: The time, seconds since 1970.
        expires: Until when it is believed.
        entropy: Returns so many unpredictable bytes.
        least: Fewest entries, a power of two.

    Raises:
        MisuseError: There are too many requests, or a device has more than ``SLOTS``, or the times are impossible.
    """
    if least < 1 or least & (least - 1) or not 0 <= made < expires <= made + MAX_LIFE_SECONDS:
        raise MisuseError("a list has a power of two as its least number of entries, and ends within 30 days.")
    nonce = entropy(NONCE_BYTES)
    head = _HEAD.pack(MAGIC, VERSION, nonce, made, expires)
    entries = dict(_sealed(asked, head, nonce))
    size = max(least, 1 << max(0, len(entries) - 1).bit_length())
    if size > MAX_ENTRIES:
        raise MisuseError(f"{len(entries):,} requests are open, and a list has at most {MAX_ENTRIES:,}; close some.")
    while len(entries) < size:
        drawn = entropy(ENTRY_BYTES)
        entries.setdefault(drawn[:TAG_BYTES], drawn[TAG_BYTES:])
    return head + b"".join(tag + entries[tag] for tag in sorted(entries))


def parse_list(raw: bytes) -> RequestList:
    """Return a list that was verified as a target.

    Raises:
        AskingError: It is malformed, or another version's.
    """
    count, rest = divmod(len(raw) - _HEAD.size, ENTRY_BYTES)
    if len(raw) > MAX_LIST_BYTES or count < 1 or rest or count & (count - 1):
        raise AskingError(f"the list of requests has {len(raw):,} bytes, which no list has; it is passed over.")
    magic, version, nonce, made, expires = _HEAD.unpack_from(raw)
    if magic != MAGIC or version != VERSION:
        raise AskingError("this is no list of requests that this homespun reads. Update homespun.")
    if not made < expires <= made + MAX_LIFE_SECONDS:
        raise AskingError("the list of requests holds for no time, or for too long; it is passed over.")
    starts = range(_HEAD.size, len(raw), ENTRY_BYTES)
    entries = tuple((raw[at : at + TAG_BYTES], raw[at + TAG_BYTES : at + ENTRY_BYTES]) for at in starts)
    tags = [tag for tag, _ in entries]
    if any(left >= right for left, right in pairwise(tags)):
        raise AskingError("the entries of the list are not in the one order that they have; it is passed over.")
    return RequestList(raw[: _HEAD.size], nonce, made, expires, entries)


def found_in(listed: RequestList, device: bytes, secret: bytes, now: float) -> tuple[AskedRequest, ...]:
    """Return what a list asks of a device; nothing where nothing is for it.

    Args:
        listed: The list.
        device: The device's id.
        secret: Its asking secret.
        now: Seconds since 1970.

    Raises:
        AskingError: The list is over, or what is sealed for this device is no request.
    """
    if now >= listed.expires:
        raise AskingError("the list of requests is over; whoever publishes it holds back a newer one.")
    entries = dict(listed.entries)
    found = []
    for tag, key, nonce in _slots(listed.nonce, device, secret):
        sealed = entries.get(tag)
        if sealed is None:
            break
        found.append(parse_request(_opened(listed.head, tag, key, nonce, sealed)))
    return tuple(found)


def _opened(head: bytes, tag: bytes, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, head + tag)
    except InvalidTag as error:
        raise AskingError("an entry of the list bears this device's tag and was not sealed for it.") from error


def _sealed(asked: Iterable[Asked], head: bytes, nonce: bytes) -> Iterator[tuple[bytes, bytes]]:
    slots: dict[bytes, Iterator[tuple[bytes, bytes, bytes]]] = {}
    for each in asked:
        if each.device not in slots:
            slots[each.device] = _slots(nonce, each.device, each.secret)
        slot = next(slots[each.device], None)
        if slot is None:
            raise MisuseError(f"a device is asked more than {SLOTS} things at once; close some of them first.")
        tag, key, gcm_nonce = slot
        yield tag, AESGCM(key).encrypt(gcm_nonce, encode_request(each.request), head + tag)


def _slots(nonce: bytes, device: bytes, secret: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield tag, key and nonce of each slot of a device in a list."""
    extracted = HKDF.extract(SHA256(), nonce, secret)
    for slot in range(SLOTS):
        size = TAG_BYTES + _KEY_BYTES + _GCM_NONCE_BYTES
        made = HKDFExpand(SHA256(), size, _INFO + device + bytes([slot])).derive(extracted)
        yield made[:TAG_BYTES], made[TAG_BYTES : TAG_BYTES + _KEY_BYTES], made[TAG_BYTES + _KEY_BYTES :]
