"""The cold-user curve: the same new people, of whom the first 0, 1, 3, 5 and 10 events are known.

The next thing that they liked is predicted. A bundle should never do worse than the better of what needs nobody's
history (popularity) and what needs nobody else's (the catalogue's words and tags).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case, Recommender
from homespun_server.evaluation.held_out import Person, request
from homespun_server.evaluation.intervals import Interval, Reals, bootstrap
from homespun_server.evaluation.metrics import hits_of, ndcg_at
from homespun_server.evaluation.protocols import Liked
from homespun_server.evaluation.result import ColdCurve, ColdPoint
from homespun_server.evaluation.segments import TOO_FEW

KNOWN = (0, 1, 3, 5, 10)
"""How many first events are known."""

_K = 10


def cold_cases(
    people: Iterable[Person], liked: Liked, *, repeats: bool, begin: float | None = None
) -> Iterator[tuple[Case, ...]]:
    """Yield the cases of everybody who has a target for each of KNOWN: one a number of events.

    Args:
        people: People whom training never saw, where ``begin`` does not say who they are.
        liked: Which events can be targets.
        repeats: Whether items that the person has seen can be.
        begin: When training ended; people with an earlier event, or one without a time, are left out.
    """
    for person in people:
        if begin is not None and any(event.time is None or event.time < begin for event in person.events):
            continue
        cases = [_cut(person, known, liked, repeats=repeats) for known in KNOWN]
        whole = tuple(case for case in cases if case is not None)
        if len(whole) == len(KNOWN):
            yield whole


def cold_curve(
    name: str, bundle: Recommender, others: Mapping[str, Recommender], cases: Sequence[tuple[Case, ...]]
) -> ColdCurve:
    """Measure a bundle beside others at every number of known events.

    Args:
        name: The bundle's name.
        bundle: The bundle.
        others: Models by name; at least one.
        cases: As ``cold_cases`` yields them; at least one person.
    """
    points = []
    for place, known in enumerate(KNOWN):
        asked = [own[place] for own in cases]
        own = _gains(bundle, asked)
        gains = {other: _gains(model, asked) for other, model in others.items()}
        better = max(gains, key=lambda other: float(gains[other].mean()))
        lead = bootstrap(own - gains[better])
        intervals: dict[str, Interval] = {other: bootstrap(values) for other, values in {name: own, **gains}.items()}
        points.append(ColdPoint(known, intervals, better, lead, holds=lead.high >= 0))
    return ColdCurve(name, len(cases), len(cases) < TOO_FEW, tuple(points))


def _cut(person: Person, known: int, liked: Liked, *, repeats: bool) -> Case | None:
    """Return the case that the first events are known and the next fit one is predicted; None if there is none."""
    past = person.events[:known]
    seen = {event.item for event in past}
    fit = (event for event in person.events[known:] if _likes(event, liked) and (repeats or event.item not in seen))
    target = next(fit, None)
    return None if target is None else request(person.user, past, target)


def _likes(event: Event, liked: Liked) -> bool:
    heavy = liked.min_weight is None or event.weight is None or event.weight >= liked.min_weight
    return heavy and event.kind not in liked.negative_kinds


def _gains(model: Recommender, cases: Sequence[Case]) -> Reals:
    lists = [model.recommend(case, _K) for case in cases]
    return np.asarray(ndcg_at(hits_of(lists, [case.relevant for case in cases], _K), _K))
