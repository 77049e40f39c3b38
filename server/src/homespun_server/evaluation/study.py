"""An evaluation from end to end: references and bundles on the cases of a split, summarised.

The references see exact training data, and what they leave open (λ, the half-life of what is recent) is chosen on the
very cases, in their favour. A bundle is run as it is.

What is measured of people is raw until it is shown to the operator.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from homespun.errors import MisuseError
from homespun_server.evaluation.cases import Recommender
from homespun_server.evaluation.cold import cold_cases, cold_curve
from homespun_server.evaluation.contents import Contents, opened
from homespun_server.evaluation.intervals import Reals
from homespun_server.evaluation.measuring import Asked, Measured, ask, measure
from homespun_server.evaluation.proposal import proposal_recall
from homespun_server.evaluation.protocols import COLD_ITEMS, LEAVE_LAST_OUT, STRONG, TEMPORAL, is_hidden
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.evaluation.references import (
    EASE_REGULARISATION,
    EaseReference,
    PopularityReference,
    RandomReference,
)
from homespun_server.evaluation.result import INTERVALS, NOTICE, ColdCurve, EvaluationReport, ModelFigures
from homespun_server.evaluation.summarising import summarise
from homespun_server.statistics.items import Items
from homespun_server.statistics.raw import Raw

KS = (10, 20, 50, 100)
"""Lengths of lists, where nobody says otherwise."""

HALF_LIVES = (2.0, 14.0, 60.0)
"""Days after which an event weighs half in recent popularity; the best on the cases stands in the table."""

PROPOSED = (20, 100)
"""Lengths at which the proposals of a bundle are checked."""

MOST_PROPOSALS = 2000
"""Cases on which they are, the first."""

CONTENT = "content alone"

_DAY = 86_400.0
_DEEPEST = 1000

Observer = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """What an evaluation may vary.

    Attributes:
        ks: Lengths of lists, each in 1..1000.
        ease_regularisation: λ of EASE to try; () leaves EASE out.
        asserted: What the caller asserts, for the report.
        observer: Called with (step, cases done, cases in all).
        now: The time, for the report.

    Raises:
        MisuseError: On construction, if a length means nothing.
    """

    ks: tuple[int, ...] = KS
    ease_regularisation: tuple[float, ...] = EASE_REGULARISATION
    asserted: str = ""
    observer: Observer = lambda _step, _done, _total: None
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        """Refuse lengths that mean nothing."""
        if not self.ks or not all(1 <= k <= _DEEPEST for k in self.ks):
            raise MisuseError(f"k is {self.ks}; give at least one length from 1 to {_DEEPEST}.")

    def main(self, protocol: str) -> str:
        """Return the metric that headlines are about: of long lists where many items are to be found, else short."""
        wanted = 100 if protocol == STRONG else 10
        return f"ndcg@{wanted if wanted in self.ks else max(self.ks)}"


@dataclass(frozen=True)
class Studied:
    """What an evaluation found.

    Attributes:
        report: For the operator.
        metrics: Every user's means of figures, float64 [users], by model and by ``ndcg@10`` and so on.
    """

    report: Raw[EvaluationReport]
    metrics: Raw[Mapping[str, Mapping[str, Reals]]]


def study(
    folder: Path,
    bundles: Sequence[Path],
    settings: Settings,
    *,
    items: Items | None = None,
    content: Path | None = None,
) -> Studied:
    """Evaluate bundles on a split.

    Args:
        folder: Of ``divide``.
        bundles: Folders of bundles; at least one. What they were trained from is the caller's to know.
        settings: What may vary.
        items: The catalogue; None: what the tables and the bundles hold.
        content: A bundle from the catalogue alone, for reference; None: there is none.

    Raises:
        BundleError: If a device would refuse a bundle.
        DataError: If the folder holds no split, or an item is not in the catalogue.
        MisuseError: If no bundle is given, or one lists what the evaluation cannot know.
    """
    if not bundles:
        raise MisuseError("no bundle was given, so there is nothing to evaluate.")
    with ExitStack() as stack:
        given = [stack.enter_context(closing(BundleRecommender(bundle))) for bundle in bundles]
        alone = None if content is None else stack.enter_context(closing(BundleRecommender(content)))
        everything = [one.bundle for one in (*given, *([] if alone is None else [alone]))]
        contents = stack.enter_context(opened(folder, items, everything))
        return _Study(contents, settings, given, alone).run()


class _Study:
    """One evaluation, with what it works on."""

    def __init__(
        self,
        contents: Contents,
        settings: Settings,
        bundles: Sequence[BundleRecommender],
        content: BundleRecommender | None,
    ) -> None:
        split = contents.split
        self._contents = contents
        self._settings = settings
        self._hidden, warm = _hidden(contents)
        allow = {"repeats": split.repeats}
        self._bundles = {
            name: one.allowing(exclude=warm, **allow) for name, one in zip(_names(bundles), bundles, strict=True)
        }
        self._content = None if content is None else content.allowing(exclude=warm, **allow)
        self._asked: Asked = ask(contents.cases, contents.facts, begin=split.begin)
        self._ks = tuple(sorted(set(settings.ks)))
        self._main = settings.main(split.protocol)
        self._notes: list[str] = []

    def run(self) -> Studied:
        """Measure everything."""
        references = list(self._references())
        bundles = [self._measure(name, model) for name, model in self._bundles.items()]
        models = [self._summary(one, references[:place]) for place, one in enumerate(references)]
        for place, one in enumerate(bundles):
            models.append(self._summary(one, [*references, *bundles[:place]]))
        metrics = {one.name: self._by_user(one) for one in (*references, *bundles)}
        return Studied(Raw(self._report(models)), Raw(metrics))

    def _references(self) -> Iterator[Measured]:
        repeats = self._contents.split.repeats
        if self._contents.split.protocol == COLD_ITEMS:
            yield self._measure("chance", RandomReference(self._hidden))
        else:
            yield self._measure("popularity", PopularityReference.of_likes(self._contents.sums, repeats=repeats))
            yield from self._ease()
        if self._contents.split.protocol == TEMPORAL:
            yield self._recent()
        if self._content is not None:
            yield self._measure(CONTENT, self._content)

    def _ease(self) -> Iterator[Measured]:
        tried = (
            self._measure(
                f"EASE, λ={value:g}",
                EaseReference(self._contents.sums, value, repeats=self._contents.split.repeats),
            )
            for value in self._settings.ease_regularisation
        )
        if self._settings.ease_regularisation:
            yield max(tried, key=self._mean)

    def _recent(self) -> Measured:
        split, training = self._contents.split, self._contents.training
        return max(
            (
                self._measure(
                    f"recent popularity, half-life {days:g} days",
                    PopularityReference.recent(training, split.liked, days * _DAY, repeats=split.repeats),
                )
                for days in HALF_LIVES
            ),
            key=self._mean,
        )

    def _measure(self, name: str, model: Recommender) -> Measured:
        def progress(done: int) -> None:
            self._settings.observer(f"evaluate {name}", done, self._asked.count)

        return measure(name, model, self._contents.cases, self._contents.facts, self._ks, progress)

    def _mean(self, measured: Measured) -> float:
        return float(measured.accuracy(self._asked, self._ks)[self._main].mean())

    def _summary(self, measured: Measured, earlier: Sequence[Measured]) -> ModelFigures:
        recall = None
        if measured.name in self._bundles:
            cases, bundle = self._contents.cases, self._bundles[measured.name].bundle
            recall = {
                k: proposal_recall(bundle, cases, k, repeats=self._contents.split.repeats, most=MOST_PROPOSALS)
                for k in PROPOSED
            }
        return summarise(measured, earlier, self._asked, self._ks, exposure_at=self._ks[0], proposal_recall=recall)

    def _by_user(self, measured: Measured) -> dict[str, Reals]:
        counts = np.bincount(self._asked.users)
        figures = measured.accuracy(self._asked, self._ks)
        return {name: np.bincount(self._asked.users, values) / counts for name, values in figures.items()}

    def _cold_curves(self) -> tuple[ColdCurve, ...]:
        split, contents = self._contents.split, self._contents
        if split.protocol not in {STRONG, TEMPORAL}:
            reason = "everybody is in training" if split.protocol == LEAVE_LAST_OUT else "it ranks hidden items only"
            self._notes.append(f"No curve for new people: this protocol has none, because {reason}.")
            return ()
        people = contents.held_out.people()
        cases = list(cold_cases(people, split.liked, repeats=split.repeats, begin=split.begin))
        if not cases:
            self._notes.append("No curve for new people: nobody new has enough events.")
            return ()
        others: dict[str, Recommender] = {
            "popularity": PopularityReference.of_likes(contents.sums, repeats=split.repeats)
        }
        if self._content is not None:
            others[CONTENT] = self._content
        return tuple(cold_curve(name, bundle, others, cases) for name, bundle in self._bundles.items())

    def _report(self, models: Sequence[ModelFigures]) -> EvaluationReport:
        split, curves = self._contents.split, self._cold_curves()
        if self._content is None:
            self._notes.append("No reference from the catalogue alone: its items have no words or tags in common.")
        if not self._contents.facts.tagged:
            self._notes.append("No diversity and no calibration: the items have no tags.")
        return EvaluationReport(
            schema=1,
            non_private=True,
            notice=NOTICE,
            created=self._settings.now.astimezone(UTC).isoformat(timespec="seconds"),
            protocol=split.protocol,
            text=split.text,
            asserted=self._settings.asserted,
            repeats=split.repeats,
            intervals=INTERVALS,
            cases=self._asked.count,
            users=len(self._asked.names),
            left_out=split.left_out,
            training_users=self._contents.sums.matrix.shape[0],
            catalogue_items=len(self._contents.facts.ids),
            ks=self._ks,
            main=self._main,
            exposure_at=self._ks[0],
            models=tuple(models),
            cold_users=curves,
            notes=tuple(self._notes),
        )


def _hidden(contents: Contents) -> tuple[list[str], frozenset[str]]:
    """Return the items that may be listed where only hidden ones are, and those that may not."""
    share = contents.split.hidden_share
    if share is None:
        return [], frozenset()
    hidden = [item for item in contents.facts.ids if is_hidden(item, share)]
    return hidden, frozenset(contents.facts.ids).difference(hidden)


def _names(bundles: Sequence[BundleRecommender]) -> list[str]:
    """Return a distinct name for every bundle."""
    names: list[str] = []
    for one in bundles:
        name, number = one.bundle.manifest.name, 1
        while name in names or name == CONTENT:
            number += 1
            name = f"{one.bundle.manifest.name} ({number})"
        names.append(name)
    return names
