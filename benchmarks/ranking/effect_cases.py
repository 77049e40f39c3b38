"""Whom effects are measured on: people whom training never saw, cut somewhere in what they did.

What is known is everything before the cut, and what a list should hold are the next likes after it. Half of the people
serve to choose defaults, by the published hash that keeps them aside; what is reported is the other half.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.ranking.prequential import FollowedPeople, is_reported
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.protocols import Parameters

LEAST_KNOWN = 10
"""Events that are known at least, where stages are compared."""

MOST_PEOPLE = 1500

KNOWN = (0, 1, 3, 5, 10, 50)
"""First events that are known, where it is measured what little is known of people."""

_ORDER = "homespun-benchmark-order"


@dataclass(frozen=True)
class CutPeople(FollowedPeople):
    """People whom training never saw, with all of their events, in order of time.

    Attributes:
        clock: Whether there is a time; else events are put in the order of a hash.
        ahead: How many likes after the cut a list should hold.
    """

    clock: bool = True
    ahead: int = 10

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        text, parameters = super().query()
        if self.clock:
            return text, parameters
        hashed = (
            "(SELECT interactions.* REPLACE (row_number() OVER (PARTITION BY user ORDER BY "  # noqa: S608 - own names
            f"sha256('{_ORDER}:' || user || ':' || item_id || ':' || row)) AS row, NULL::DOUBLE AS time) "
            "FROM interactions JOIN item_ids USING (item))"
        )
        return text.replace("FROM interactions", f"FROM {hashed}"), parameters

    def text(self) -> str:
        """Return what is done, for reports."""
        order = "" if self.clock else " There is no clock: events are put in the order of a hash."
        return (
            f"{100 * self.test_share:.3g}% of the users, chosen by a published hash of their id, take no part in "
            f"training, and nothing was chosen on those who are reported.{order} Somebody is known up to a moment, and "
            f"a list should hold the next {self.ahead} likes after it."
        )


def spread_cases(people: Iterable[Person], protocol: CutPeople, per_person: int) -> list[Case]:
    """Return so many cases of each person, evenly spread over what they did; fewer where they did little."""
    found: list[Case] = []
    for person in people:
        places = [place for place, target in enumerate(person.targets) if target and place >= LEAST_KNOWN]
        chosen = sorted({int((number + 0.5) / per_person * len(places)) for number in range(per_person)})
        cases = (cut(person, places[number], protocol) for number in chosen if places)
        found += [case for case in cases if case is not None]
    return found


def first_events(people: Iterable[Person], protocol: CutPeople) -> Iterator[tuple[Case, ...]]:
    """Yield the cases of everybody who has one for each of ``KNOWN``: one a number of first events."""
    for person in people:
        if len(person.events) > KNOWN[-1]:
            cases = tuple(case for case in (cut(person, known, protocol) for known in KNOWN) if case is not None)
            if len(cases) == len(KNOWN):
                yield cases


def cut(person: Person, place: int, protocol: CutPeople) -> Case | None:
    """Return the case that knows the first ``place`` events; None if nothing that could be listed was liked later."""
    past, event = person.events[:place], person.events[place]
    later = zip(person.events[place:], person.targets[place:], strict=True)
    next_likes = [each.item for each, target in later if target][: protocol.ahead]
    relevant = frozenset(next_likes).difference(() if protocol.repeats else (each.item for each in past))
    return Case(person.user, past, relevant, event.time, _circumstances(event)) if relevant else None


def chosen_people(people: Sequence[Person], protocol: CutPeople, *, reported: bool) -> list[Person]:
    """Return the people who are reported, or those on whom defaults are chosen; a bounded number."""
    return [person for person in people if is_reported(person.user, protocol.test_share) == reported][:MOST_PEOPLE]


def numbers_of(cases: Sequence[Case]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return whose each case is; int64 [cases]."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(case.user, len(numbers)) for case in cases], np.int64)


def _circumstances(event: Event) -> dict[str, str]:
    return {name: str(value) for name, value in (event.context or {}).items()}
