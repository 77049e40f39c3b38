"""A recommended item, and the decision that it was made by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homespun.errors import MisuseError
from homespun.explain.explaining import reasons
from homespun.explain.wording import Wording
from homespun.protocol.bundle import context_text
from homespun.protocol.controls import Steering
from homespun.protocol.events import ContextValue, Event
from homespun.ranking.decision import Decision


class _Decided:
    """Remembers the decision behind a recommendation in a slot beside its fields.

    So nothing that goes through the fields prints, copies or stores the history that the decision holds.
    """

    __slots__ = ("_consents", "_decision")
    _decision: Decision
    _consents: Mapping[str, int]


@dataclass(frozen=True)
class Recommendation(_Decided):
    """One item of a recommended list.

    It can be copied, pickled and turned into a dictionary or JSON; ``Personalizer.explain`` takes only the
    original, because no copy carries the history that it was made from.

    Attributes:
        item: The item's id.
        title: Its title.
        score: The score that ranked it.
        reason: The main reason in words.
        personalized: Whether personal data was used for the list: whether anything was recorded and its use
            was allowed.
    """

    item: str
    title: str
    score: float
    reason: str
    personalized: bool

    def __reduce__(self) -> tuple[type["Recommendation"], tuple[str, str, float, str, bool]]:
        return Recommendation, (self.item, self.title, self.score, self.reason, self.personalized)


def recommendations(decision: Decision, wording: Wording, consents: Mapping[str, int]) -> list[Recommendation]:
    """Return a decision's list.

    Args:
        decision: The decision.
        wording: How reasons are said.
        consents: Numbers of the consent records in force, by purpose.
    """
    bundle, ranked = decision.bundle, decision.ranked
    positions = ranked.positions.tolist()
    rows = zip(positions, bundle.titles_at(positions), ranked.scores.tolist(), reasons(decision, wording), strict=True)
    made = [
        Recommendation(bundle.items[position], title, score, reason, decision.personalized)
        for position, title, score, reason in rows
    ]
    for recommendation in made:
        object.__setattr__(recommendation, "_decision", decision)  # frozen for everybody else
        object.__setattr__(recommendation, "_consents", consents)
    return made


def decision_of(
    recommendation: Recommendation,
    events: Sequence[Event] | None,
    steering: Steering,
    attributes: Mapping[str, ContextValue],
) -> tuple[Decision, Mapping[str, int]]:
    """Return the decision behind a recommendation, if it may still be told, and the consents that it was made by.

    Args:
        recommendation: The original.
        events: What may be used now; None if nothing may.
        steering: What the person has set now.
        attributes: What they declare about themselves now, as far as it may be used.

    Raises:
        MisuseError: It is a copy, or was made from what was forbidden or erased since.
    """
    decision: Decision | None = getattr(recommendation, "_decision", None)
    if decision is None:
        raise MisuseError(
            "this recommendation is a copy, which does not carry what it was made from. Explain the original, "
            "or the item as it stands now: explain(recommendation.item)."
        )
    if decision.personalized and events is None:
        raise MisuseError(
            "this recommendation was made from the person's history, and they have forbidden its use since. Make a "
            "new list."
        )
    told = {(name, context_text(value)) for name, value in attributes.items()}
    wishes = {wish.item for wish in decision.history.wishes if wish.control != "similar"}
    wished = wishes - steering.more_like - steering.less_like
    gone = wished or decision.terms.keys() - steering.interests or decision.attributes.items() - told
    if gone or not {*decision.history.events, *decision.person.against} <= set(events or ()):
        raise MisuseError(
            "this recommendation was made from events, wishes or attributes that are not in the profile: they were "
            "erased or taken back since, or it is another person's. Make a new list."
        )
    return decision, recommendation._consents  # noqa: SLF001 - of the same module
