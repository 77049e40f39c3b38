"""What to ask new people first: lists after 5 and 10 questions, by how the questions were chosen.

People whom training never saw are asked for items, one after the other, and answer by their own history: they like an
item, or do not, or do not know it because they have no event with it. Likes become their whole history. Settings of the
design were chosen on one half of them; what is reported is the other half.

Two figures, because what is asked for is also what is left to recommend. Of all that a person likes and did not say:
that falls with every popular item that is spent on a question, however much it tells. And of likes that were kept back
from the questions, among items that the person has no event with: there every way of asking has the same lists to make,
so that nothing but what was learned differs.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.models.bundles import fit
from benchmarks.models.datasets import ML1M, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.hashed import NewPeople, further
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.sections import INTERVALS
from benchmarks.ranking.prequential import FollowedPeople
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun.ranking.onboarding import MOST_ANSWERS, onboarding_items, popularity
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.intervals import Interval, Reals, bootstrap, ratio
from homespun_server.evaluation.metrics import hits_of, ndcg_at
from homespun_server.evaluation.protocols import EvaluationProtocol, Liked, StrongGeneralization
from homespun_server.learning import FitOptions, Validation

LIKED = Liked(4.0)
KEPT_ASIDE = 0.2
ASKED = (5, MOST_ANSWERS)
KEPT_BACK = 0.4
"""Share of the likes that no question is answered about, for the second figure."""

POPULAR = 100
"""Items, the most popular ones, that random questions are about."""

SECONDS = 10.0
"""Between two answers."""

DEPTH = 10
DESIGN, AT_ONCE, MOST_POPULAR, RANDOM = "this design", "this design, all at once", "the most popular", "random popular"

Answers = dict[str, bool | None]
Way = Callable[[str, Answers], str]
"""Which item to ask a user for next, by what they answered."""


@dataclass(frozen=True)
class AskedPeople(FollowedPeople):
    """People whom training never saw, who answer by all of their events."""

    def text(self) -> str:
        """Return what is done, for reports."""
        return (
            f"{100 * self.test_share:.3g}% of the users, chosen by a published hash of their id, take no part in "
            f"training. Of the half of them on whom nothing was chosen, those with more than {MOST_ANSWERS} likes are "
            "asked."
        )


@dataclass(frozen=True)
class Asked:
    """Somebody who is asked.

    Attributes:
        user: Their id.
        likes: Whether they like it, by every item that they have an event with.
        kept_back: Likes that no question is answered about, for the second figure.
    """

    user: str
    likes: Mapping[str, bool]
    kept_back: frozenset[str]


@dataclass(frozen=True, eq=False)
class Found:
    """What came of one way of asking, after so many questions; float64 [people] each."""

    likes: Reals
    remaining: Reals
    kept_back: Reals


@says_what_is_missing
def films(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, new people: lists after 5 and 10 questions, by how the questions are chosen."""
    protocol, options = AskedPeople(LIKED, test_share=KEPT_ASIDE), FitOptions(min_weight=4.0, max_items=4000)
    inner = further(KEPT_ASIDE, 0.2)
    unordered = replace(options, parts=("collaborative", "content"))
    with divided(locate(ML1M, workspace), protocol, "onboarding-ml-1m", workspace, people=True) as split:
        return [
            _section("without order", split, unordered, StrongGeneralization(inner, LIKED), workspace),
            _section("with every part", split, options, NewPeople(inner, LIKED), workspace),
        ]


def _section(
    name: str, split: Divided, options: FitOptions, inner: EvaluationProtocol, workspace: Workspace
) -> Section:
    fitted = fit(name, split, options, workspace, validation=Validation(inner, depth=DEPTH))
    with Bundle.open(fitted.folder) as bundle:
        people = list(asked_people(split.people, bundle))
        ways = ways_of(bundle)
        found = {}
        for done, (way, choose) in enumerate(ways.items(), start=1):
            found[way] = ask(bundle, people, choose)
            workspace.observer(f"ask people, {name}", done, len(ways))
    return lay_out(f"{split.data.title}, a bundle {name}: what to ask first", found, split.split.text)


def asked_people(people: Sequence[Person], bundle: Bundle) -> Iterator[Asked]:
    """Yield those who are asked: the half of the people on whom nothing was chosen, with enough likes."""
    for person in people:
        events = zip(person.events, person.targets, strict=True)
        likes = {event.item: liked for event, liked in events if event.item in bundle}
        liked = [item for item, likes_it in likes.items() if likes_it]
        kept_back = frozenset(item for item in liked if _hashed(f"{person.user}:{item}") < KEPT_BACK)
        if _hashed(f"half{person.user}") >= 0.5 and len(liked) > MOST_ANSWERS and kept_back:
            yield Asked(person.user, likes, kept_back)


def ways_of(bundle: Bundle) -> dict[str, Way]:
    """Return the ways of asking."""
    order = np.argsort(-popularity(bundle), kind="stable")
    popular: list[str] = [bundle.items[position] for position in order[:POPULAR].tolist()]
    at_once: list[str] = [bundle.items[position] for position in onboarding_items(bundle).tolist()]
    known: dict[tuple[tuple[str, bool | None], ...], str] = {}

    def design(_: str, answers: Answers) -> str:
        key = tuple(answers.items())
        if key not in known:
            known[key] = bundle.items[int(onboarding_items(bundle, count=1, answered=answers)[0])]
        return known[key]

    def at_random(user: str, answers: Answers) -> str:
        places = np.random.default_rng(int(_hashed(user) * 2**32)).permutation(POPULAR)
        return popular[int(places[len(answers)])]

    return {
        DESIGN: design,
        AT_ONCE: lambda _, answers: at_once[len(answers)],
        MOST_POPULAR: lambda _, answers: popular[len(answers)],
        RANDOM: at_random,
    }


def ask(bundle: Bundle, people: Sequence[Asked], way: Way) -> dict[int, Found]:
    """Ask everybody, and return what came of it, by the number of questions; 0 is before the first."""
    figures = {asked: np.zeros((3, len(people))) for asked in (0, *ASKED)}
    for place, person in enumerate(people):
        known = {item: liked for item, liked in person.likes.items() if item not in person.kept_back}
        first, second = _answers(person, person.likes, way), _answers(person, known, way)
        likes = {item for item, likes_it in person.likes.items() if likes_it}
        for asked, values in figures.items():
            told = {item: answer for item, answer in first[:asked] if answer is not None}
            liked = [item for item, answer in told.items() if answer]
            others = [item for item, answer in second[:asked] if answer]
            values[0, place] = len(liked)
            values[1, place] = _ndcg(bundle, liked, told, likes.difference(liked))
            values[2, place] = _ndcg(bundle, others, known, person.kept_back)
    return {asked: Found(*values) for asked, values in figures.items()}


def lay_out(title: str, found: Mapping[str, Mapping[int, Found]], text: str) -> Section:
    """Lay out what came of each way of asking, beside asking for the most popular items."""
    before = found[MOST_POPULAR][0]
    rows: list[tuple[Cell, ...]] = [
        (0, "nothing", 0.0, bootstrap(before.remaining), None, bootstrap(before.kept_back), None)
    ]
    for asked in ASKED:
        other = found[MOST_POPULAR][asked]
        for way, figures in found.items():
            own = figures[asked]
            ratios = [_ratio(own.remaining, other.remaining), _ratio(own.kept_back, other.kept_back)]
            means = bootstrap(own.remaining), bootstrap(own.kept_back)
            rows.append((asked, way, float(own.likes.mean()), means[0], ratios[0], means[1], ratios[1]))
    columns = (
        "questions",
        "about",
        "likes found",
        "NDCG@10, all that is left",
        "ratio to the most popular",
        "NDCG@10, likes kept back",
        "ratio to the most popular ",
    )
    note = (
        f"{text} {before.likes.size:,} people. What they do not know may be listed. Random: of the {POPULAR} most "
        f"popular. {INTERVALS}"
    )
    return Section(title, columns, tuple(rows), note)


def _answers(person: Asked, known: Mapping[str, bool], way: Way) -> list[tuple[str, bool | None]]:
    answers: Answers = {}
    for _ in range(MOST_ANSWERS):
        item = way(person.user, answers)
        answers[item] = known.get(item)
    return list(answers.items())


def _ndcg(bundle: Bundle, liked: Sequence[str], left_out: Iterable[str], relevant: Collection[str]) -> float:
    events = [Event(item, "rate", SECONDS * place, LIKED.min_weight) for place, item in enumerate(liked, start=1)]
    listed = [found.item for found in bundle.rank(events, DEPTH, exclude=left_out)]
    return float(ndcg_at(hits_of([listed], [relevant], DEPTH), DEPTH)[0])


def _ratio(own: Reals, other: Reals) -> Interval | None:
    return ratio(own, other, np.arange(own.size, dtype=np.int64))


def _hashed(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
