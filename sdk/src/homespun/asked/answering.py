"""What a device does of a request, and the receipt that it signs of it.

Everything here can be done twice: a setting that is set is set, a purpose that is withdrawn is withdrawn. So a crash
in between costs nothing but doing it again, under the sequence that was begun.
"""

from dataclasses import dataclass

import msgspec

from homespun.asked.afterwards import Afterwards, Promise
from homespun.asked.identity import Identity
from homespun.asked.views import Held
from homespun.consent import Purpose
from homespun.home import Home
from homespun.person.consent import Consent
from homespun.person.controls import Controls
from homespun.protocol.asking.receipt import DeviceReceipt, encode_receipt, operators_copy, sign
from homespun.protocol.receipts import Receipt, decimal_time

_OPTED_OUT = (Purpose.CONTRIBUTION, Purpose.MEASUREMENT)


@dataclass(frozen=True)
class Means:
    """What executing needs.

    Attributes:
        home: The person.
        consent: Their choices.
        controls: Their settings.
        afterwards: What outlives the profile.
    """

    home: Home
    consent: Consent
    controls: Controls
    afterwards: Afterwards


def settings_of(means: Means, kind: str) -> tuple[str, ...]:
    """Set or withdraw what a request asks for, and return the names of what is so now.

    Raises:
        ClosedError, ProfileError: See the classes.
    """
    if kind == "restriction":
        means.controls.restrict()
        return ("restriction",)
    if kind == "objection":
        means.controls.object()
        return ("objection",)
    if kind == "opt-out":
        means.consent.withdraw(*_OPTED_OUT, surface="request")
        return tuple(f"off:{purpose}" for purpose in _OPTED_OUT if not means.consent.granted(purpose))
    return ()


def receipt_of(held: Held, identity: Identity, now: float, settings: tuple[str, ...] = ()) -> bytes:
    """Return the signed receipt of a request that was answered, as it is sent.

    Args:
        held: The request, begun.
        identity: Who the device is.
        now: Seconds since 1970.
        settings: What was set.
    """
    bare = DeviceReceipt(
        request=held.asked.request,
        kind=held.asked.kind,
        device=identity.device,
        sequence=held.sequence,
        time=decimal_time(now),
        outcome=held.outcome,
        by=held.by,
        digest=held.digest,
        settings=settings,
    )
    return encode_receipt(sign(bare, identity.signing.sign))


def erased(means: Means, promise: Promise, receipt: Receipt) -> bytes:
    """Return the signed receipt of an erasure, as it is sent.

    Args:
        means: For the time.
        promise: What was decided, with the key that signs.
        receipt: Of the erasure.
    """
    identity = Identity(device=promise.device, secret=b"", private=promise.private, account="")
    bare = DeviceReceipt(
        request=promise.request,
        kind="erasure",
        device=promise.device,
        sequence=promise.sequence,
        time=decimal_time(means.home.now()),
        outcome="done",
        by=promise.by,
        erasure=operators_copy(receipt, identity.signing.sign, identity.key),
    )
    return encode_receipt(sign(bare, identity.signing.sign))


def begun(held: Held, sequence: int, by: str, outcome: str, digest: str) -> Held:
    """Return a request whose answer was begun."""
    return msgspec.structs.replace(held, state="begun", sequence=sequence, by=by, outcome=outcome, digest=digest)
