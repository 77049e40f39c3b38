"""From a decision to its record, and back to everything that it was a function of."""

from collections.abc import Mapping

from homespun.explain.attribution import attributions_of
from homespun.explain.explaining import stage_ranks
from homespun.explain.moves import moves_of
from homespun.explain.reasons import reasons_of
from homespun.explain.runtime import PRECISION, runtime_name
from homespun.explain.wording import DEFAULT
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.records import (
    MOST_PARTS,
    SCHEMA_VERSION,
    DecisionInputs,
    EventEntry,
    ExplanationRecord,
    ItemEntry,
    SteeringEntry,
    real,
)
from homespun.ranking.decision import Decision
from homespun.ranking.request import Inputs, Request


def record_of(decision: Decision, consents: Mapping[str, int]) -> ExplanationRecord:
    """Return the record of a decision.

    Args:
        decision: The decision.
        consents: Numbers of the consent records in force, by purpose.
    """
    return ExplanationRecord(
        schema=SCHEMA_VERSION,
        bundle=decision.bundle.id,
        time=decision.time,
        personalized=decision.personalized,
        items=items_of(decision),
        policy=decision.compiled.identity,
        inputs=_inputs(decision),
        candidates=decision.pool.positions.size,
        runtime=runtime_name(),
        precision=PRECISION,
        consents=dict(consents),
        unmet=decision.unmet,
    ).sealed()


def items_of(decision: Decision) -> tuple[ItemEntry, ...]:
    """Return the listed items as records hold them."""
    # By the default templates: what an application says in its own words could not be made again from the record.
    reasons = reasons_of(decision, decision.ranked, decision.assembled.places, DEFAULT)
    return tuple(_item(decision, place, reason) for place, reason in enumerate(reasons))


def inputs_of(record: ExplanationRecord) -> tuple[Inputs, Request]:
    """Return what a record's list was a function of.

    Args:
        record: A record with inputs.
    """
    given = record.inputs
    if given is None:
        raise ValueError("the record has no inputs")
    events = None if given.events is None else [_event(entry) for entry in given.events]
    request = Request(
        k=given.k,
        now=record.time,
        surface=given.surface,
        context=ReadOnlyDict(given.context),
        exclude=frozenset(given.exclude),
        exclude_seen=given.exclude_seen,
        item=given.item,
        ids=given.ids,
        shown=ReadOnlyDict(given.shown),
        seed=given.seed,
    )
    return Inputs(events, _steering(given.steering), ReadOnlyDict(given.attributes)), request


def _item(decision: Decision, place: int, reason: str) -> ItemEntry:
    scored = decision.ranked.take(decision.places[place : place + 1] * 0 + place)
    item = decision.bundle.items[int(scored.positions[0])]
    parts = attributions_of(decision, scored)
    score = float(scored.scores[0])
    return ItemEntry(
        item=item,
        score=real(score),
        reason=reason,
        attributions=tuple(part.entry() for part in parts[:MOST_PARTS]),
        others=real(sum(part.value for part in parts[MOST_PARTS:])),
        residual=real(score - sum(part.value for part in parts)),
        moves=moves_of(decision, place, item),
        stages=tuple(rank.entry() for rank in stage_ranks(decision, int(scored.positions[0]))),
        propensity=real(decision.assembled.places[place].propensity),
    )


def _inputs(decision: Decision) -> DecisionInputs:
    person, request = decision.person, decision.request
    return DecisionInputs(
        k=request.k,
        surface=request.surface,
        # What may not be used is not kept either.
        events=tuple(_entry(event) for event in person.known) if person.allowed else None,
        steering=_steering_entry(person.inputs.steering if person.allowed else _refused(person.inputs.steering)),
        attributes=dict(person.declared),
        context=dict(request.context),
        exclude=tuple(sorted(request.exclude)),
        exclude_seen=request.exclude_seen,
        item=request.item,
        ids=request.ids,
        shown=dict(sorted(request.shown.items())) if person.allowed else {},
        seed=request.seed,
        local_items=decision.bundle.local_identity,
    )


def _refused(steering: Steering) -> Steering:
    return steering.without_personal_data()


def _entry(event: Event) -> EventEntry:
    context = None if event.context is None else dict(event.context)
    return EventEntry(event.item, event.kind, event.time, event.weight, context)


def _event(entry: EventEntry) -> Event:
    return Event(entry.item, entry.kind, entry.time, entry.weight, entry.context)


def _steering_entry(steering: Steering) -> SteeringEntry:
    cap = steering.frequency_cap
    return SteeringEntry(
        hidden_items=tuple(sorted(steering.hidden_items)),
        hidden_tags=tuple(sorted(steering.hidden_tags)),
        more_like=tuple(sorted(steering.more_like)),
        less_like=tuple(sorted(steering.less_like)),
        ignored_items=tuple(sorted(steering.ignored_items)),
        interests=dict(sorted(steering.interests.items())),
        cap_times=None if cap is None else cap.times,
        cap_days=None if cap is None else cap.days,
        diversity=steering.diversity,
        exploration=steering.exploration,
        non_profiled=steering.non_profiled,
        restricted=steering.restricted,
        objected=steering.objected,
        switched_off=steering.switched_off,
    )


def _steering(entry: SteeringEntry) -> Steering:
    has_cap = entry.cap_times is not None and entry.cap_days is not None
    return Steering(
        hidden_items=frozenset(entry.hidden_items),
        hidden_tags=frozenset(entry.hidden_tags),
        more_like=frozenset(entry.more_like),
        less_like=frozenset(entry.less_like),
        ignored_items=frozenset(entry.ignored_items),
        interests=ReadOnlyDict(entry.interests),
        frequency_cap=FrequencyCap(entry.cap_times or 1, entry.cap_days or 1) if has_cap else None,
        diversity=entry.diversity,
        exploration=entry.exploration,
        non_profiled=entry.non_profiled,
        restricted=entry.restricted,
        objected=entry.objected,
        switched_off=entry.switched_off,
    )
