"""A bundle a day: the terms and their weights stay, and what is popular lately is summed again over all events before.

As an operator would do it: devices rank with the bundle of the day, so nothing that a request could not know is used.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from math import floor
from pathlib import Path

from benchmarks.models.bundles import Fitted, bytes_of, slug, told
from benchmarks.models.dividing import Divided
from benchmarks.models.ranked import Ranked, rank
from benchmarks.workspace import BenchmarkError, Workspace
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.recommenders import RefreshedRecommender
from homespun_server.learning import FitData, Learned, write
from homespun_server.learning.fitting import Weighing
from homespun_server.learning.lately import Lately
from homespun_server.privacy.provenance import derive
from homespun_server.statistics.interactions import Interactions
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.model import Model

DAY = 86_400


def refreshed(name: str, fitted: Fitted, split: Divided, depth: int, workspace: Workspace) -> Ranked:
    """Ask a bundle that is refreshed at the beginning of every day for all cases.

    Args:
        name: What to call it.
        fitted: The bundle as it was when the test began; without noise.
        split: The split, with times.
        depth: Length of the lists.
        workspace: Its clock and observer are used.

    Raises:
        BenchmarkError: If it cannot be refreshed.
    """
    published = publish(fitted, split, workspace)
    with closing(RefreshedRecommender(published, repeats=split.split.repeats)) as model:
        size = max(bytes_of(folder) for _, folder in published)
        note = f"{told(fitted)}; {len(published)} bundles, one a day"
        return rank(name, model, split.cases, depth, workspace.observer, model_bytes=size, note=note)


def publish(fitted: Fitted, split: Divided, workspace: Workspace) -> list[tuple[float, Path]]:
    """Write a bundle for every day on which somebody asks, and return when each was published."""
    learned, begin = fitted.learned, split.split.begin
    if learned is None or begin is None or "time" not in split.split.columns:
        raise BenchmarkError(f"{fitted.name} cannot be refreshed: its split has no time, or it was not learned.")
    published = [(float("-inf"), fitted.folder)]
    days = days_of(split.cases, begin)
    with Interactions.read(split.data.interactions, split.data.columns, items=split.items) as everything:
        data = FitData(everything, fitted.options, None)
        refresher = _Refresher(fitted, learned, data, workspace)
        for done, day in enumerate(days, start=1):
            folder = split.folder / "bundles" / f"{slug(fitted.name)}-{day}"
            refresher.write(day, folder)
            published.append((float(day), folder))
            workspace.observer(f"refresh {fitted.name}", done, len(days))
    return published


def days_of(cases: Iterable[Case], begin: float) -> Sequence[int]:
    """Return the beginnings of the days on which cases are, in UTC, from the first one after ``begin`` on."""
    found = {floor(case.now / DAY) * DAY for case in cases if case.now is not None}
    return sorted(day for day in found if day > begin)


class _Refresher:
    """Everything that stays from day to day."""

    def __init__(self, fitted: Fitted, learned: Learned, data: FitData, workspace: Workspace) -> None:
        self._options, self._learned, self._data, self._workspace = fitted.options, learned, data, workspace
        self._lately = Lately(data, learned.terms, fitted.options)

    def write(self, day: int, folder: Path) -> None:
        """Write the bundle of a day."""
        model = derive(_with_trends, self._learned.model, self._lately.priors(day), self._learned.weighing)
        write(model, self._data, folder, budget=None, options=self._options, now=self._workspace.now())


def _with_trends(model: Model, trends: tuple[ItemPrior, ...], how: Weighing) -> Model:
    # The tables do not change, so they need not be compressed again.
    lately = {prior.name: prior.weighted(how.blend.weight(prior.name)) for prior in trends}
    return replace(model, priors=tuple(lately.get(prior.name, prior) for prior in model.priors))
