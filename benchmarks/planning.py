"""What ``homespun-server plan`` predicts from: quality kept under noise, on parts of real populations.

Every point is a fit by the recipe of ``fit``, judged by people whom training never saw, the same for every part of a
data set. The noise has the σ that the budget asks for, but comes from a seeded float sampler and is rounded: that
promises nothing, can be repeated, and takes a thousandth of the time. Half an hour on two cores with all data sets.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from fractions import Fraction
from unittest.mock import patch

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.planning_curves import Fitted, fit_pairs, fit_transitions
from benchmarks.planning_data import TEST_SHARE, Part, Source, sources, write_part
from benchmarks.planning_transitions import Sequences, popularity_quality, read_sequences, transition_quality
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.protocol.bundle import activity_level
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.evaluation import DEPTH
from homespun_server.evaluation.metrics import ndcg
from homespun_server.evaluation.references import ExactSums, PopularityReference
from homespun_server.learning import FitData, FitOptions, learn, releasing
from homespun_server.learning.releasing import COUNTS_SHARE
from homespun_server.planning.curve import CURVES, Curve
from homespun_server.planning.measured import Point
from homespun_server.privacy import release
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.mechanisms import Progress
from homespun_server.privacy.zcdp import DEFAULT_DELTA, epsilon_of, rho_for
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import HeldOutUser, Likes
from homespun_server.training.model import Model

SEED = 20_130_101
MOST_JUDGED = 2500

PARTS: dict[str, tuple[Part, ...]] = {
    "ml-1m": (
        Part(epsilons=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 100.0), transitions=True),
        Part(epsilons=(1.0, 2.0, 4.0, 8.0), transitions=True, seed=1),
        Part(share=0.5, transitions=True),
        Part(share=0.25),
        Part(likes=30),
        Part(likes=20, epsilons=(2.0, 8.0, 32.0), transitions=True),
        Part(likes=10),
        Part(max_items=300, epsilons=(1.0, 4.0, 16.0), transitions=True),
        Part(max_items=3000, epsilons=(1.0, 4.0, 16.0)),
    ),
    "seq-apps-for-android": (
        Part(epsilons=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0), transitions=True),
        Part(share=0.25, epsilons=(1.0, 4.0, 16.0), transitions=True),
        Part(share=0.25, max_items=300, epsilons=(1.0, 4.0, 16.0), transitions=True),
        Part(share=0.06),
        Part(max_items=300, epsilons=(1.0, 4.0)),
        Part(max_items=3000, epsilons=(1.0, 8.0)),
    ),
    "movietweetings": (
        Part(transitions=True),
        Part(max_items=300, epsilons=(1.0, 4.0, 16.0)),
        Part(max_items=300, epsilons=(1.0, 4.0, 16.0), transitions=True, seed=1),
    ),
    "online-retail": (
        Part(epsilons=(1.0, 2.0, 4.0, 8.0, 16.0, 64.0), transitions=True),
        Part(share=0.5),
        Part(share=0.5, epsilons=(4.0, 16.0, 64.0), transitions=True, seed=1),
        Part(max_items=300, epsilons=(1.0, 4.0, 16.0), transitions=True),
    ),
    "frappe-apps": (Part(epsilons=(4.0, 16.0, 64.0, 100.0)),),
    "ml-latest-small": (Part(epsilons=(4.0, 16.0, 64.0, 100.0)),),
}

COUNT_SHARES = (0.02, 0.06, 0.1, 0.2, 0.35)
COUNTED = {"ml-1m": (Part(), (1.0, 4.0)), "seq-apps-for-android": (Part(share=0.25), (1.0, 4.0))}
COUNTED["online-retail"] = (Part(), (2.0, 8.0))

PAIR_SHARES = (0.2, 0.35, 0.47, 0.6, 0.75)
"""Of the whole budget; item counts have theirs as in a fit, and transitions the rest."""

SPLIT_AT = {"ml-1m": 4.0, "online-retail": 4.0, "movietweetings": 4.0, "seq-apps-for-android": 4.0}


@dataclass(frozen=True)
class Judged:
    """A part of a data set that was read, and who judges."""

    data: FitData
    options: FitOptions
    users: Sequence[HeldOutUser]
    sequences: Sequences | None

    @property
    def likes(self) -> Likes:
        """Who likes what."""
        return self.data.likes


def run(workspace: Workspace) -> list[Section]:
    """Quality kept under noise on parts of real populations, and the curves and splits that plans use."""
    found = list(sources(workspace))
    points = [point for source in found for part in PARTS[source.name] for point in _points(source, part, workspace)]
    counted = [row for source in found if source.name in COUNTED for row in _counted(source, workspace)]
    divided = [row for source in found if source.name in SPLIT_AT for row in _divided(source, workspace)]
    return [_points_section(points), _curves(points), _counted_section(counted), _divided_section(divided)]


@contextmanager
def judged(source: Source, part: Part, workspace: Workspace, *, ordered: bool) -> Iterator[Judged]:
    """Read a part of a data set."""
    tables = write_part(source, part, workspace.cache / "planning" / source.name)
    options = FitOptions(test_share=TEST_SHARE, max_items=part.max_items, dimensions=64, parts=("collaborative",))
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        data = FitData(interactions, options, None)
        users = list(data.likes.test_users())[:MOST_JUDGED]
        sequences = read_sequences(tables.interactions, data.likes.ids, MOST_JUDGED) if ordered else None
        yield Judged(data, options, users, sequences)


@contextmanager
def seeded_noise(seed: int) -> Iterator[None]:
    """Let releases draw rounded float noise of the same σ inside the context: no guarantee, for measuring alone."""
    rng = np.random.default_rng(seed)

    def drawn(values: NDArray[np.int64], sigma: int, progress: Progress | None = None) -> NDArray[np.int64]:
        del progress
        return values + np.rint(rng.normal(0, sigma, values.size)).astype(np.int64)

    with patch.object(release, "add_discrete_gaussian", drawn):
        yield


def fitted(part: Judged, epsilon: float | None, *, counts: float | None = None, seed: int = 0) -> Model:
    """Fit, with a share for item counts other than usual if one is given."""
    budget = None if epsilon is None else one_off_budget(epsilon, DEFAULT_DELTA)
    with ExitStack() as stack:
        stack.enter_context(seeded_noise(SEED + seed + int(1000 * (epsilon or 0))))
        if counts is not None:
            stack.enter_context(patch.object(releasing, "COUNTS_SHARE", Fraction(counts)))
        return learn(part.data, part.options, budget, _silent, datetime.now(UTC)).model.value


def model_quality(model: Model, part: Judged) -> float:
    """Return mean NDCG@100 of a model in float, without the 8 bits of a bundle."""
    table, component = model.low_rank[0], model.components[0]
    left, right = table.vectors * table.spectrum * table.encoder[:, None], table.vectors * table.decoder[:, None]
    names = [part.likes.ids[item] for item in model.items]
    place = {name: position for position, name in enumerate(names)}
    gains = []
    for user in part.users:
        seen = [place[item] for item in user.fold_in if item in place]
        level = activity_level(len(seen))
        scores = component.weights[level] * (left[seen].sum(axis=0) @ right.T)
        scores += sum(prior.weights[level] * prior.values for prior in model.priors)
        scores[seen] = -np.inf
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        gains.append(ndcg([names[item] for item in best if np.isfinite(scores[item])], user.held_out, DEPTH))
    return float(np.mean(gains))


def _popular(part: Judged) -> float:
    popularity = PopularityReference.of_likes(ExactSums(part.likes))
    cases = [Case(user.user, tuple(map(Event, user.fold_in)), user.held_out) for user in part.users]
    return float(np.mean([ndcg(popularity.recommend(case, DEPTH), case.relevant, DEPTH) for case in cases]))


def _points(source: Source, part: Part, workspace: Workspace) -> Iterator[Point]:
    with judged(source, part, workspace, ordered=part.transitions) as read:
        exact, popular = fitted(read, None), _popular(read)
        best = model_quality(exact, read)
        for done, epsilon in enumerate(part.epsilons, start=1):
            model = fitted(read, epsilon, seed=part.seed)
            rho = rho_for(epsilon, DEFAULT_DELTA) * float(1 - COUNTS_SHARE)
            yield _point(source, read, epsilon, rho, model, (popular, best, model_quality(model, read)))
            if read.sequences is not None:
                yield _transition_point(source, read, epsilon, rho, exact, model, SEED + part.seed)
            workspace.observer(f"plan: {source.name}", done, len(part.epsilons))


def _point(
    source: Source, part: Judged, epsilon: float, rho: float, model: Model, quality: tuple[float, float, float]
) -> Point:
    users, likes = (number.for_the_operator() for number in (part.likes.training_users(), part.likes.training_likes()))
    popular, exact, noised = (round(value, 4) for value in quality)
    return Point(
        data=source.name,
        matrix="pairs",
        users=users,
        items=len(part.likes.ids),
        likes=round(likes / users, 2),
        max_items=part.options.max_items,
        epsilon=epsilon,
        rho=float(f"{rho:.6g}"),
        universe=int(model.items.size),
        popularity=popular,
        exact=exact,
        noised=noised,
    )


def _transition_point(
    source: Source, part: Judged, epsilon: float, rho: float, exact: Model, model: Model, seed: int
) -> Point:
    sequences = _ordered(part)
    quality = (
        popularity_quality(sequences),
        transition_quality(sequences, exact.items, 0.0, seed),
        transition_quality(sequences, model.items, 1 / np.sqrt(2 * rho), seed),
    )
    return msgspec.structs.replace(_point(source, part, epsilon, rho, model, quality), matrix="transitions")


def _ordered(part: Judged) -> Sequences:
    if part.sequences is None:
        raise ValueError("transitions need people's items in order.")
    return part.sequences


def _counted(source: Source, workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    part, epsilons = COUNTED[source.name]
    with judged(source, part, workspace, ordered=False) as read:
        for epsilon in epsilons:
            models = [fitted(read, epsilon, counts=share) for share in COUNT_SHARES]
            yield source.name, epsilon, *(model_quality(model, read) for model in models)


def _divided(source: Source, workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    """Yield the sum of what pairs and transitions keep, by the share of pairs."""
    epsilon = SPLIT_AT[source.name]
    with judged(source, Part(), workspace, ordered=True) as read:
        sequences = _ordered(read)
        exact = fitted(read, None)
        floors = _popular(read), popularity_quality(sequences)
        tops = model_quality(exact, read), transition_quality(sequences, exact.items, 0.0, SEED)
        sums = []
        for share in PAIR_SHARES:
            model, deviation = _at_share(read, epsilon, share)
            found = model_quality(model, read), transition_quality(sequences, model.items, deviation, SEED)
            kept = ((one - floor) / (top - floor) for one, floor, top in zip(found, floors, tops, strict=True))
            sums.append(sum(kept))
        yield source.name, epsilon, *sums


def _at_share(part: Judged, epsilon: float, share: float) -> tuple[Model, float]:
    """Fit with so much of the budget for pairs, and return the deviation that is left for transitions."""
    rho, counts = rho_for(epsilon, DEFAULT_DELTA), float(COUNTS_SHARE)
    spent = epsilon_of((counts + share) * rho, DEFAULT_DELTA)
    return fitted(part, spent, counts=counts / (counts + share)), float(1 / np.sqrt(2 * rho * (1 - counts - share)))


def _points_section(points: Sequence[Point]) -> Section:
    columns = Point.__struct_fields__
    note = "NDCG@100 for pairs, NDCG@20 of the last item for transitions. ρ is what the statistic alone may cost."
    return Section("Quality kept under noise", columns, tuple(map(msgspec.structs.astuple, points)), note)


def _curves(points: Sequence[Point]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for matrix, fit in (("pairs", fit_pairs), ("transitions", fit_transitions)):
        mine = [point for point in points if point.matrix == matrix]
        again: Fitted = fit(mine)
        rows.append((f"{matrix}, fitted here", *astuple(again.curve)))
        rows += [
            (f"  without {name}: mean, RMS error", *figures[1:], *[None] * 4) for name, figures in again.unseen.items()
        ]
    rows += [(f"{matrix}, in a plan", *astuple(curve)) for matrix, curve in CURVES.items()]
    columns = ("curve", *(field.name for field in fields(Curve)))
    note = "The error holds nine in ten points of data sets that the constants were not fitted to."
    return Section("Curves", columns, tuple(rows), note)


def _counted_section(rows: Sequence[tuple[Cell, ...]]) -> Section:
    columns = ("data", "ε", *(f"{share:.0%}" for share in COUNT_SHARES))
    return Section("NDCG@100 by the share of item counts", columns, tuple(rows), "One draw of the noise each.")


def _divided_section(rows: Sequence[tuple[Cell, ...]]) -> Section:
    columns = ("data", "ε", *(f"pairs {share:.0%}" for share in PAIR_SHARES))
    note = f"Sum of what both keep; counts have {float(COUNTS_SHARE):.0%}, transitions the rest. One draw each."
    return Section("Pairs and transitions together", columns, tuple(rows), note)


def _silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""
