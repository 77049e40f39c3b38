"""Makes recorded lists again from the bundle and the record alone, and compares them with what was recorded.

A record holds everything that its list was a function of, so an auditor needs no profile, no network and no trust in
whoever exported it: the same items in the same order, every score, every listed part, every rank and every sentence has
to come out again. Numbers may differ by ``TOLERANCE`` of the sum of a score's parts, because machines round sums in
different orders. What has no influence on a list (a consent's number, for instance) is covered by the record's digest
only, which shows a slip, and not somebody who computes it anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from homespun.errors import RecordError
from homespun.explain.recording import inputs_of, items_of
from homespun.model.bundle import Bundle
from homespun.protocol.policy import Policy
from homespun.protocol.records import SCHEMA_VERSION, AttributionEntry, ExplanationRecord, ItemEntry
from homespun.ranking.decision import decide
from homespun.ranking.default import DEFAULT
from homespun.ranking.surfaces import Compiled

TOLERANCE = Decimal("1e-7")


@dataclass(frozen=True)
class Checked:
    """What became of one record.

    Attributes:
        number: Which one, from 1.
        record: The record.
        problem: What is wrong with it; None: everything came out again.
    """

    number: int
    record: ExplanationRecord
    problem: str | None


class Verifier:
    """Verifies records of one bundle."""

    def __init__(self, bundle: Bundle, policies: Iterable[Policy] = ()) -> None:
        """Make ready.

        Args:
            bundle: The bundle, with the items on top that the application had added.
            policies: Policies that lists were made by, beside the bundle's own and the default one.
        """
        self._bundle = bundle
        self._compiled: Mapping[str, Compiled] = {
            found.identity: found
            for found in (
                Compiled(bundle, policy) for policy in (*policies, *([bundle.policy] if bundle.policy else []), DEFAULT)
            )
        }

    def check(self, record: ExplanationRecord) -> None:
        """Make a record's list again.

        Raises:
            RecordError: It does not come out as it was recorded; the message says what first.
        """
        compiled = self._suitable(record)
        inputs, request = inputs_of(record)
        decision = decide(compiled.beside(), inputs, request)
        _expect("whether it is from personal data", record.personalized, decision.personalized)
        _expect("the number of candidates", record.candidates, decision.pool.positions.size)
        _expect("the rules that found nothing that fits", record.unmet, decision.unmet)
        made = items_of(decision)
        _expect("the items", [entry.item for entry in record.items], [entry.item for entry in made])
        for place, (kept, again) in enumerate(zip(record.items, made, strict=True), 1):
            _compare(kept, again, f"place {place} ({kept.item!r})")

    def checked(self, records: Iterable[ExplanationRecord]) -> Iterator[Checked]:
        """Yield what becomes of each record."""
        for number, record in enumerate(records, 1):
            try:
                self.check(record)
            except RecordError as error:
                yield Checked(number, record, str(error))
            else:
                yield Checked(number, record, None)

    def _suitable(self, record: ExplanationRecord) -> Compiled:
        if record.schema != SCHEMA_VERSION or record.inputs is None:
            raise RecordError(
                f"the record is of version {record.schema}, which does not hold what its list was made from, so it "
                f"cannot be made again; records are verified from version {SCHEMA_VERSION} on."
            )
        if record.digest != record.computed_digest():
            raise RecordError("the record was changed since it was made: its digest is not that of its content.")
        if record.bundle != self._bundle.id:
            raise RecordError(
                f"the list was made with the bundle {record.bundle[:12]}, and this one is {self._bundle.id[:12]}; "
                "verify it with that one."
            )
        if record.inputs.local_items != self._bundle.local_identity:
            raise RecordError(
                "the application had said something else of items when the list was made; give the same items."
            )
        found = self._compiled.get(record.policy or "")
        if found is None:
            raise RecordError(
                f"the list was made by the policy {(record.policy or '')[:12]}, which is neither the bundle's nor the "
                "default one; give it."
            )
        return found


def _compare(kept: ItemEntry, made: ItemEntry, where: str) -> None:
    size = sum((abs(part.value) for part in made.attributions), abs(made.others))
    _near(f"{where}: the score", kept.score, made.score, size)
    parts = sum((part.value for part in kept.attributions), kept.others + kept.residual)
    _near(f"{where}: the sum of the parts", parts, kept.score, size)
    _expect(f"{where}: the reason", kept.reason, made.reason)
    _expect(f"{where}: what moved it", kept.moves, made.moves)
    _expect(f"{where}: its ranks", kept.stages, made.stages)
    _near(f"{where}: its propensity", kept.propensity, made.propensity, Decimal(1))
    _near(f"{where}: the sum of the smaller parts", kept.others, made.others, size)
    ours = {_name(part): part.value for part in kept.attributions}
    theirs = {_name(part): part.value for part in made.attributions}
    _expect(f"{where}: the parts", sorted(ours), sorted(theirs))
    for name, value in ours.items():
        _near(f"{where}: the part {' '.join(filter(None, name))}", value, theirs[name], size)


def _name(part: AttributionEntry) -> tuple[str, ...]:
    names = (part.source, part.component, part.item, part.control, part.tag, part.choice)
    return tuple(name or "" for name in names)


def _near(what: str, kept: Decimal, made: Decimal, size: Decimal) -> None:
    if not abs(kept - made) <= TOLERANCE * max(size, Decimal("1e-9")):
        raise RecordError(f"{what} was recorded as {kept}, and comes out as {made}.")


def _expect(what: str, kept: object, made: object) -> None:
    if kept != made:
        raise RecordError(f"{what}: recorded was {_short(kept)}, and {_short(made)} comes out.")


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 300 else f"{told[:297]}…"  # noqa: PLR2004 - as much as can be read
