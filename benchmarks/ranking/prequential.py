"""What local learning is worth, event by event: every list knows what came before it, with and without the term.

People whom training never saw are followed from their first event on. Settings were chosen on one half of them; what is
reported is the other half. Both lists are ordered from the same pool, the one that the bundle proposes, so that nothing
but the term differs.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.models.bundles import fit
from benchmarks.models.datasets import ML1M, RETAIL, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import HR_10, NDCG_10, Judged, Ranked
from benchmarks.models.sections import INTERVALS, verdict
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.model.bundle import Bundle
from homespun.model.candidates import best_items, without
from homespun.model.history import History, Positions, in_favour
from homespun.model.scoring import Pool
from homespun.protocol.events import Event
from homespun.ranking.learning import Learner, LearningRule, Returns
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.protocols import LeaveLastOut, Liked, Parameters
from homespun_server.evaluation.queries import LIKED
from homespun_server.learning import FitOptions, Validation
from homespun_server.statistics.cohort import HASHES, SPLIT_NAME, threshold

POOL = 300
DEPTH = 10
KEPT_ASIDE = 0.3
MOST_CASES = 40
"""Of one person, evenly spread over what they did."""

LEAST_KNOWN = 5
BUCKETS = ((0, 20), (20, 50), (50, 100), (100, 200), (200, None), (100, None))
AIM_FEW, AIM_MANY = 1.0, 1.03

OPTIONS = FitOptions(
    parts=("collaborative", "sequential", "content", "trend"),
    max_items=4000,
    model_bytes=5_000_000,
    new_items_every=0,
)

CLAIM = (
    "What it claims: below 50 distinct liked items the lists are the same, and beyond 100 they are at least 3% better. "
    "The aim is about NDCG@10."
)

_QUERY = f"""
SELECT * EXCLUDE (test, early, liked), NOT test AS train, test AS shown,
    test AND liked AND NOT early AS target, NULL::VARCHAR AS why
FROM (
    SELECT *,
        ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $below AS test,
        NOT $repeats AND row_number() OVER (PARTITION BY user, item ORDER BY time NULLS FIRST, row) > 1 AS early,
        {LIKED} AS liked
    FROM interactions
)
"""  # noqa: S608 - own names


@dataclass(frozen=True)
class FollowedPeople:
    """People whom training never saw, with all of their events; each like is predicted from all before it.

    Attributes:
        liked: Which events speak for an item.
        repeats: Whether items that the person has seen may be recommended, and predicted.
        test_share: Share of users kept aside, in (0, 1), by the published hash that a fit uses.
    """

    liked: Liked = field(default_factory=Liked)
    repeats: bool = False
    test_share: float = KEPT_ASIDE
    name = "followed-people"
    rolling = True
    begin = None
    hidden_share = None
    by_others: tuple[str, ...] = ()

    @property
    def kept_aside(self) -> float:
        """Share of the users who are kept out of training."""
        return self.test_share

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        below: Parameters = {"below": threshold(self.test_share), "repeats": self.repeats}
        return _QUERY, {**below, **self.liked.parameters}

    def text(self) -> str:
        """Return what is done, for reports."""
        return (
            f"{100 * self.test_share:.3g}% of the users, chosen by a published hash of their id, take no part in "
            f"training. Of the half of them on whom nothing was chosen, up to {MOST_CASES} likes each, evenly spread "
            f"and after the first {LEAST_KNOWN} events, are predicted from all that came before them."
        )


@dataclass(frozen=True, eq=False)
class Followed:
    """Lists with and without local learning, for the same cases.

    Attributes:
        cases: What was asked.
        liked: int64 [cases], distinct liked items that were known.
        plain: Lists without it.
        learned: Lists with it.
    """

    cases: Sequence[Case]
    liked: Positions
    plain: Ranked
    learned: Ranked


@says_what_is_missing
def films(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, ratings of 4 and more: lists with and without local learning by how much is known."""
    liked = Liked(4.0)
    options = replace(OPTIONS, min_weight=liked.min_weight)
    return _run(ML1M, FollowedPeople(liked), options, "MovieLens-1M, ratings of 4 and more", workspace)


@says_what_is_missing
def retail(workspace: Workspace) -> Sequence[Section]:
    """Online Retail, where people buy again: lists with and without local learning by how much is known."""
    return _run(RETAIL, FollowedPeople(repeats=True), OPTIONS, "Online Retail, purchases and repeats", workspace)


def _run(
    name: str, protocol: FollowedPeople, options: FitOptions, title: str, workspace: Workspace
) -> Sequence[Section]:
    inner = Validation(LeaveLastOut(repeats=protocol.repeats, liked=protocol.liked), depth=DEPTH)
    with divided(locate(name, workspace), protocol, f"prequential-{name}", workspace, people=True) as split:
        fitted = fit("homespun", split, options, workspace, validation=inner)
        with Bundle.open(fitted.folder) as bundle:
            followed = follow(bundle, split, protocol, LearningRule(), workspace)
        return [section(title, followed, split.split.text)]


def follow(
    bundle: Bundle, split: Divided, protocol: FollowedPeople, rule: LearningRule, workspace: Workspace
) -> Followed:
    """Make both lists for every case of the people on whom nothing was chosen."""
    people = [person for person in split.people if is_reported(person.user, protocol.test_share)]
    lists = _Lists(bundle, protocol, rule)
    cases, liked, plain, learned = [], [], [], []
    for done, person in enumerate(people, start=1):
        for case in _cases(person):
            known, without, with_it = lists.of(case)
            cases.append(case)
            liked.append(known)
            plain.append(without)
            learned.append(with_it)
        workspace.observer("follow people", done, len(people))
    return Followed(cases, np.array(liked, np.int64), Ranked("frozen", plain), Ranked("local learning", learned))


class _Lists:
    def __init__(self, bundle: Bundle, protocol: FollowedPeople, rule: LearningRule) -> None:
        self._bundle, self._protocol, self._rule = bundle, protocol, rule
        self._learner = Learner.of(bundle)
        self._known = {item: place for place, item in enumerate(bundle.items)}

    def of(self, case: Case) -> tuple[int, list[str], list[str]]:
        """Return how many liked items are known, and the list without and with what is learned from them."""
        bundle = self._bundle
        history = bundle.history(case.events)
        seen = () if self._protocol.repeats else case.seen
        pool = best_items(bundle.scorer.query(history), POOL, without(bundle.positions_of(seen)))
        found = [bundle.items[position] for position in pool.positions[:DEPTH].tolist()]
        changed = np.argsort(-(pool.scores + self._term(case, history, pool)), kind="stable")[:DEPTH]
        return len(history.events), found, [bundle.items[position] for position in pool.positions[changed].tolist()]

    def _term(self, case: Case, history: History, pool: Pool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        term = np.zeros(pool.positions.size)
        taste = self._learner and self._learner.learn(history, self._disliked(case, history), self._rule)
        if taste:
            term += taste.over(pool.decoder[taste.table], pool.scores).pool
        if self._protocol.repeats and case.now is not None:
            favoured = in_favour(case.events, self._known, self._bundle.manifest.history)
            returns = Returns.of(self._bundle, favoured, self._rule)
            if returns:
                term += returns.values(pool.positions, case.now, float(pool.scores.std()))
        return term

    def _disliked(self, case: Case, history: History) -> Positions:
        liked = set(history.positions.tolist())
        last = dict.fromkeys(self._known[event.item] for event in reversed(case.events) if event.item in self._known)
        return np.array([position for position in reversed(last) if position not in liked], np.int64)


def section(title: str, followed: Followed, text: str) -> Section:
    """Lay out what it is worth by how many distinct liked items were known."""
    rows: list[tuple[Cell, ...]] = []
    for least, below in BUCKETS:
        chosen = (followed.liked >= least) & (followed.liked < (np.inf if below is None else below))
        judged = Judged(followed.cases, chosen)
        if not judged.count:
            continue
        found = judged.ratio(followed.learned, followed.plain, NDCG_10)
        hits = judged.ratio(followed.learned, followed.plain, HR_10)
        few, many = below is not None and below <= BUCKETS[1][1], least >= BUCKETS[3][0]
        aim = AIM_FEW if few else AIM_MANY if many else None
        words = f"{least} and more" if below is None else f"{least} to {below - 1}"
        means = (judged.mean(followed.plain, NDCG_10), judged.mean(followed.learned, NDCG_10))
        rows.append((words, judged.count, *means, found, hits, aim, verdict(found, aim)))
    columns = (
        "liked items",
        "lists",
        "frozen, NDCG@10",
        "learned, NDCG@10",
        "ratio",
        "ratio of HR@10",
        "aim",
        "verdict",
    )
    return Section(title, columns, tuple(rows), f"{CLAIM} {text} {INTERVALS}", plot="ratios")


def is_reported(user: str, share: float) -> bool:
    """Return whether nothing was chosen on a person: the upper half of the hashes that are kept aside."""
    found = int.from_bytes(hashlib.sha256(f"{SPLIT_NAME}:{user}".encode()).digest()[:4], "big")
    return found >= share / 2 * HASHES


def _cases(person: Person) -> Iterator[Case]:
    places = [place for place, target in enumerate(person.targets) if target and place >= LEAST_KNOWN]
    spread = np.linspace(0, len(places) - 1, min(len(places), MOST_CASES)).astype(np.int64).tolist()
    for place in (places[number] for number in spread):
        event: Event = person.events[place]
        yield Case(person.user, person.events[:place], frozenset({event.item}), event.time)
