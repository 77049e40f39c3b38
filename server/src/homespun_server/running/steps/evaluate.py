"""Evaluate: the very bundle that may be published, on users who were kept aside, beside the incumbent and popularity.

Everything here is an exact figure about people, for the operator. With an ε for metrics, means and paired leads are
released as well, and the gates of quality then decide by these.
"""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import numpy as np

from homespun.errors import BundleError, MisuseError
from homespun.protocol.bundle import CARD_DATA, MANIFEST, NEGATIVE_KINDS, Manifest
from homespun.protocol.statistics.standard import metric_sums
from homespun_server.errors import DataError
from homespun_server.evaluation.dividing import divide
from homespun_server.evaluation.intervals import Interval, Reals
from homespun_server.evaluation.membership import attack_bundle
from homespun_server.evaluation.protocols import STRONG, Liked, StrongGeneralization
from homespun_server.evaluation.result import EvaluationReport, ModelFigures
from homespun_server.evaluation.study import Settings, Studied, study
from homespun_server.evaluation.synthetic import Facts, facts_of, item_ids
from homespun_server.learning.releasing import released_sum
from homespun_server.privacy.ledger import Reservation
from homespun_server.publishing.card import read_card
from homespun_server.publishing.figures import Quality
from homespun_server.publishing.review import Basis
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.cache import write_json
from homespun_server.running.drawer import FileDrawer, resumed
from homespun_server.running.gates.figures import Advantage, SegmentMean
from homespun_server.running.job import Job
from homespun_server.running.names import INCUMBENT, POPULARITY, THIS, renamed
from homespun_server.running.released import LEADS, lead_of, released_quality_in
from homespun_server.running.steps.release import NOTHING, Releases, amounts_of, purpose_of, told
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.sums import sum_metrics

FILE, REPORT_FILE = "evaluated.json", "evaluation.json"
RELEASED_FOLDER = "released"


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; see ``Figures`` for what gates are given of it.

    Attributes:
        metric: The main metric.
        basis: Whether the leads are released or exact.
        over_popularity: The paired lead over popularity; None: not measured.
        over_incumbent: The same over the incumbent.
        segments: The parts that have enough requests.
        facts: The bundle.
        lost_items: Share of the incumbent's items that it lacks.
        advantage: The membership attack.
        nobody: Whether nothing in the model is made from people.
        missing: What was not measured, and why; what else has to be known.
        releases: The figures that were released.
    """

    metric: str
    basis: Basis
    over_popularity: Interval | None
    over_incumbent: Interval | None
    segments: tuple[SegmentMean, ...]
    facts: Facts
    lost_items: float | None
    advantage: Advantage | None
    nobody: bool
    missing: tuple[str, ...]
    releases: Releases


class _Study(NamedTuple):
    report: EvaluationReport
    metrics: dict[str, dict[str, Reals]]


def evaluate(job: Job, made: Path) -> None:
    """Measure the bundle that was trained."""
    draft = job.made("train") / BUNDLE_FOLDER
    missing: list[str] = []
    incumbent = _usable_incumbent(job, missing)
    releases, quality = NOTHING, None
    with ExitStack() as stack:
        budget, drawer = None, None
        if job.wanted is not None and job.wanted.metrics is not None:
            ledger = stack.enter_context(job.ledger())
            drawer = FileDrawer(job.cache.partial("evaluate", job.keys["evaluate"]), ledger, job.observer)
            wanted, purpose = amounts_of(job, ledger, held_out=True), purpose_of(job, "evaluate")
            budget = stack.enter_context(resumed(ledger, wanted, purpose, drawer, spend_again=job.spend_again))
        people = stack.enter_context(job.people())
        studied = _studied(job, people, [*([] if incumbent is None else [incumbent]), draft], missing)
        advantage = _attacked(job, people, draft, missing)
        if budget is not None and drawer is not None:
            _release(job, studied, budget, drawer, with_incumbent=incumbent is not None)
            releases, quality = told(drawer.releases, ledger), released_quality_in(drawer.releases[0])
            drawer.copy(made / RELEASED_FOLDER)
    if studied is not None:
        write_json(made / REPORT_FILE, studied.report)
    found = Evaluated(
        metric=_main(job),
        basis="exact" if quality is None else "released",
        over_popularity=_lead(studied, quality, POPULARITY),
        over_incumbent=None if incumbent is None else _lead(studied, quality, INCUMBENT),
        segments=_segments(studied),
        facts=facts_of(draft, runs=job.pipeline.evaluation.latency_runs),
        lost_items=None if incumbent is None else _lost(draft, incumbent),
        advantage=advantage,
        nobody=_is_about_nobody(draft),
        missing=tuple(missing),
        releases=releases,
    )
    write_json(made / FILE, found)


def evaluated(folder: Path) -> Evaluated:
    """Return what was measured."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Evaluated)


def report_in(folder: Path) -> EvaluationReport | None:
    """Return the evaluation; None: nobody could be tested."""
    path = folder / REPORT_FILE
    return msgspec.json.decode(path.read_bytes(), type=EvaluationReport) if path.is_file() else None


def _main(job: Job) -> str:
    return Settings(ks=job.pipeline.evaluation.k).main(STRONG)


def _usable_incumbent(job: Job, missing: list[str]) -> Path | None:
    """Return the incumbent's folder, if this program can run it."""
    incumbent = job.incumbent
    if incumbent is None:
        return None
    if incumbent.folder is None:
        missing.append(f"The channel's bundle {incumbent.identity[:12]} is not in the registry: nothing was compared.")
        return None
    try:
        item_ids(incumbent.folder)
        aside = read_card((incumbent.folder / CARD_DATA).read_bytes()).parameters.get("users kept aside")
    except BundleError as error:
        missing.append(f"The channel's bundle cannot be run by this program, so nothing was compared: {error}")
        return None
    if aside != f"{100 * job.options.test_share:g}%":
        missing.append(
            "The channel's bundle kept another share of users aside, so it may have been trained from some who are "
            "tested here. Its figures are flattered."
        )
    return incumbent.folder


def _studied(job: Job, people: Interactions, bundles: list[Path], missing: list[str]) -> _Study | None:
    asked = job.pipeline.evaluation
    liked = Liked(job.options.min_weight, NEGATIVE_KINDS)
    protocol = StrongGeneralization(job.options.test_share, liked=liked, max_users=asked.max_users)
    settings = Settings(ks=asked.k, ease_regularisation=(), observer=job.observer, now=job.clock())
    with TemporaryDirectory(prefix="homespun-run-", ignore_cleanup_errors=True) as scratch:
        try:
            divide(people, protocol, Path(scratch))
        except DataError as error:
            missing.append(f"Nobody could be tested: {error}")
            return None
        return _opened(study(Path(scratch), bundles, settings, items=people.items))


def _opened(studied: Studied) -> _Study:
    report, names = renamed(studied.report.for_the_operator())
    metrics = studied.metrics.for_the_operator()
    return _Study(report, {names[model]: dict(figures) for model, figures in metrics.items()})


def _attacked(job: Job, people: Interactions, draft: Path, missing: list[str]) -> Advantage | None:
    if not job.pipeline.evaluation.membership or _is_about_nobody(draft):
        return None
    job.observer("attack the bundle", 0, 1)
    try:
        found = attack_bundle(draft, people, test_share=job.options.test_share).for_the_operator()
    except MisuseError as error:
        missing.append(f"The membership attack was not made: {error}")
        return None
    job.observer("attack the bundle", 1, 1)
    return Advantage(found.advantage.value, found.advantage.high, found.chance)


def _is_about_nobody(draft: Path) -> bool:
    manifest = msgspec.json.decode((draft / MANIFEST).read_bytes(), type=Manifest)
    return all(component.name == "content" for component in manifest.components)


def _release(
    job: Job, studied: _Study | None, budget: Reservation, drawer: FileDrawer, *, with_incumbent: bool
) -> None:
    """Release means and paired leads over people; a lead from −1 to 1 is summed as (1 + lead) / 2."""
    main, ks = _main(job), job.pipeline.evaluation.k
    plain = tuple(dict.fromkeys((main, f"capped_recall@{min(ks)}", f"capped_recall@{max(ks)}")))
    against = (POPULARITY, *((INCUMBENT,) if with_incumbent else ()))
    names = (*(name.replace("@", "_") for name in plain), *(LEADS[other] for other in against))
    statistic = metric_sums(names, who="people who were tested")
    values = np.zeros((0, len(names)))
    if studied is not None:
        own, others = studied.metrics[THIS], [studied.metrics[other] for other in against]
        leads = [(1 + own[main] - other[main]) / 2 for other in others]
        values = np.column_stack([*(own[name] for name in plain), *leads])
    total = sum_metrics(statistic, values, Cohort.held_out(job.options.test_share))
    released_sum(total, Fraction(1), budget, job.observer, drawer)


def _lead(studied: _Study | None, quality: Quality | None, over: str) -> Interval | None:
    if quality is not None:
        return lead_of(quality, over)
    if studied is None:
        return None
    return _model(studied.report, THIS).leads[over].get(studied.report.main)


def _segments(studied: _Study | None) -> tuple[SegmentMean, ...]:
    if studied is None:
        return ()
    report = studied.report
    before = {
        each.title: each.metrics[report.main].mean
        for model in report.models
        if model.model == INCUMBENT
        for each in model.segments
        if report.main in each.metrics
    }
    return tuple(
        SegmentMean(each.title, each.metrics[report.main].mean, before.get(each.title))
        for each in _model(report, THIS).segments
        if report.main in each.metrics and not each.too_few
    )


def _model(report: EvaluationReport, name: str) -> ModelFigures:
    return next(model for model in report.models if model.model == name)


def _lost(draft: Path, incumbent: Path) -> float:
    before = item_ids(incumbent)
    return len(before - item_ids(draft)) / len(before)
