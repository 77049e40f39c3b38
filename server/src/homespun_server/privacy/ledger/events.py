"""The ledger's events: what happened, as canonical JSON that names the hash of the event before.

Reals are text: ε and δ in the shortest decimal form that restores the float, ρ as an exact fraction. The chain
has no key. It shows an edit, a gap and another order; that its end was cut off shows only against a hash or a
count that was kept elsewhere, as the store does.
"""

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.protocol.canonical import canonical
from homespun_server.errors import LedgerError, PrivacyParameterError
from homespun_server.privacy.ledger.policy import BudgetPolicy
from homespun_server.privacy.spend import Amount, Spend
from homespun_server.statistics.cohort import Membership, Path

SCHEMA_VERSION = 1
"""Version of the events that this program writes and reads."""

FIRST_PREVIOUS = "0" * 64
"""What the first event has in place of its predecessor's hash."""

MAX_DIGITS = 1000
"""Most digits of a numerator or denominator."""

_PREFIX = b"homespun budget event 1\n"

Number = Annotated[int, Meta(ge=1)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)")]
Ratio = Annotated[str, Meta(pattern=f"^[1-9][0-9]{{0,{MAX_DIGITS - 1}}}/[1-9][0-9]{{0,{MAX_DIGITS - 1}}}$(?!\\n)")]
Real = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$(?!\n)")]


class PolicyEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy; see ``BudgetPolicy``."""

    epsilon: Real | None
    delta: Real
    period: Literal["month", "once"] | Number
    lifetime: Real | None


class CellEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A membership; see ``Membership``."""

    group: str
    cell: str
    at_most: Number


class AmountEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """ρ for the users of a path."""

    path: tuple[CellEntry, ...]
    rho: Ratio


class SpendEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A spend; see ``Spend``."""

    statistic: str
    mechanism: str
    l2_bound: Number
    sigma: Number
    rho: Ratio
    declaration: Hash
    path: tuple[CellEntry, ...]


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="opened", tag_field="kind"):
    """The data set's ledger was opened."""

    policy: PolicyEntry


class Changed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="changed", tag_field="kind"):
    """The policy was replaced."""

    policy: PolicyEntry
    reason: str


class Reserved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reserved", tag_field="kind"):
    """Amounts were promised until ``expires``; the reservation's number is the event's sequence."""

    amounts: Annotated[tuple[AmountEntry, ...], Meta(min_length=1)]
    purpose: str
    expires: Number


class Spent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="spent", tag_field="kind"):
    """A release was charged to a reservation; the charge's number is the event's sequence."""

    reservation: Number
    spend: SpendEntry


class Released(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="released", tag_field="kind"):
    """The noise of a charge was drawn; ``digest`` is the SHA-256 of the released values."""

    charge: Number
    digest: Hash


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="closed", tag_field="kind"):
    """A reservation's holder gave back what it did not spend."""

    reservation: Number


class Cancelled(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="cancelled", tag_field="kind"
):
    """The operator ended a reservation."""

    reservation: Number
    reason: str


Happening = Opened | Changed | Reserved | Spent | Released | Closed | Cancelled


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of one data set's ledger.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        data_set: Whose ledger it belongs to.
        sequence: Position in the ledger, from 1.
        time: Seconds since 1970-01-01 UTC, never before those of the event before.
        previous: ``hash_of`` the event before; FIRST_PREVIOUS in the first.
        what: What happened.
    """

    schema: int = SCHEMA_VERSION
    data_set: str
    sequence: Number
    time: Annotated[int, Meta(ge=0)]
    previous: Hash
    what: Happening


class _Version(msgspec.Struct):
    schema: int


def encoded(event: Event) -> bytes:
    """Return the event's bytes, by which it is hashed and stored."""
    return canonical(msgspec.to_builtins(event))


def hash_of(data: bytes) -> str:
    """Return an event's hash: SHA-256 of ``homespun budget event 1``, a line break and its bytes."""
    return hashlib.sha256(_PREFIX + data).hexdigest()


def decoded(data: bytes) -> Event:
    """Read an event.

    Raises:
        LedgerError: If a newer program wrote it, or it is none.
    """
    try:
        schema = msgspec.json.decode(data, type=_Version).schema
        if schema == SCHEMA_VERSION:
            return msgspec.json.decode(data, type=Event)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"the ledger holds something that is no event of it: {error}. {RESTORE}") from error
    raise LedgerError(
        f"the ledger was written in version {schema} of its format and this program knows version {SCHEMA_VERSION} "
        "only. What was spent cannot be told, so nothing can be; use the newer homespun-server. Nothing was changed."
    )


RESTORE = (
    "What was spent cannot be told any more, so nothing can be spent. Restore the store from a backup that is not "
    "older than the last spend, or give the data set up."
)
"""What a damaged ledger means and what to do."""


def policy_entry(policy: BudgetPolicy) -> PolicyEntry:
    """Return a policy as it is recorded."""
    return PolicyEntry(
        epsilon=None if policy.epsilon is None else repr(float(policy.epsilon)),
        delta=repr(float(policy.delta)),
        period=policy.period,
        lifetime=None if policy.lifetime is None else repr(float(policy.lifetime)),
    )


def policy_of(entry: PolicyEntry) -> BudgetPolicy:
    """Return a recorded policy."""
    return BudgetPolicy(
        epsilon=None if entry.epsilon is None else float(entry.epsilon),
        delta=float(entry.delta),
        period=entry.period,
        lifetime=None if entry.lifetime is None else float(entry.lifetime),
    )


def amount_entries(amounts: Iterable[Amount]) -> tuple[AmountEntry, ...]:
    """Return amounts as they are recorded."""
    return tuple(AmountEntry(path=_cells(path), rho=ratio(rho)) for path, rho in amounts)


def amounts_of(entries: Iterable[AmountEntry]) -> tuple[Amount, ...]:
    """Return recorded amounts."""
    return tuple((_path(entry.path), _fraction(entry.rho)) for entry in entries)


def spend_entry(spend: Spend) -> SpendEntry:
    """Return a spend as it is recorded."""
    return SpendEntry(
        statistic=spend.statistic,
        mechanism=spend.mechanism,
        l2_bound=spend.l2_bound,
        sigma=spend.sigma,
        rho=ratio(spend.rho),
        declaration=spend.declaration,
        path=_cells(spend.path),
    )


def spend_of(entry: SpendEntry) -> Spend:
    """Return a recorded spend."""
    return Spend(
        statistic=entry.statistic,
        mechanism=entry.mechanism,
        l2_bound=entry.l2_bound,
        sigma=entry.sigma,
        rho=_fraction(entry.rho),
        declaration=entry.declaration,
        path=_path(entry.path),
    )


def ratio(rho: Fraction) -> str:
    """Return an exact ρ as text.

    Raises:
        PrivacyParameterError: If it is not positive, or too long to be written down.
    """
    if rho <= 0:
        raise PrivacyParameterError(f"ρ is {rho}; nothing to promise, or less.")
    if max(rho.numerator, rho.denominator) >= 10**MAX_DIGITS:
        raise PrivacyParameterError(f"ρ has more than {MAX_DIGITS} digits; round it down, for instance to 1/2⁶⁴.")
    return f"{rho.numerator}/{rho.denominator}"


def _fraction(text: str) -> Fraction:
    numerator, denominator = text.split("/")
    return Fraction(int(numerator), int(denominator))


def _cells(path: Path) -> tuple[CellEntry, ...]:
    return tuple(CellEntry(group=each.group, cell=each.cell, at_most=each.at_most) for each in path)


def _path(cells: Iterable[CellEntry]) -> Path:
    return tuple(Membership(cell.group, cell.cell, cell.at_most) for cell in cells)
