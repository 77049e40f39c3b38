"""What the pipeline adds to a bundle's card, each with where it comes from."""

from dataclasses import dataclass

from homespun.protocol.bundle import CARD_DATA, PrivacyStatement
from homespun_server.evaluation.result import EvaluationReport
from homespun_server.privacy.kept import kept
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.provenance import Sourced, derive, non_private, together
from homespun_server.privacy.provenance import released as stated
from homespun_server.publishing.card import Card, read_card
from homespun_server.publishing.figures import Figure, Quality, released_means
from homespun_server.publishing.review import SegmentQuality, Segments
from homespun_server.publishing.statement import privacy_statement
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.job import Job
from homespun_server.running.names import THIS
from homespun_server.running.released import with_leads
from homespun_server.running.steps.evaluate import RELEASED_FOLDER, report_in
from homespun_server.running.steps.train import kept_of
from homespun_server.statistics.raw import Raw

_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Additions:
    """What is added.

    Attributes:
        draft: The card as it was trained.
        privacy: The statement, released figures of quality counted in.
        quality: How good it is, if that was released or is marked.
        segments: The same in parts.
    """

    draft: Card
    privacy: PrivacyStatement
    quality: Sourced[Quality] | None
    segments: Sourced[Segments] | None

    @property
    def sources(self) -> dict[str, str]:
        """Where everything on the card comes from."""
        added = {"quality": self.quality, "segments": self.segments}
        return {**self.draft.sources, **{name: each.origin for name, each in added.items() if each is not None}}


def additions(job: Job) -> Additions:
    """Return what the card is given besides what the training wrote.

    Raises:
        ReleaseFileError: If a kept release was changed.
    """
    draft = read_card((job.made("train") / BUNDLE_FOLDER / CARD_DATA).read_bytes())
    report = report_in(job.made("evaluate"))
    if job.wanted is None:
        return _exact(draft, report)
    released_there = sorted((job.made("evaluate") / RELEASED_FOLDER).glob("*.parquet"))
    if not released_there:
        return Additions(draft=draft, privacy=draft.privacy, quality=None, segments=None)
    with job.ledger() as ledger:
        quality = derive(with_leads, released_means(kept(released_there[0], ledger)))
        return Additions(draft=draft, privacy=_statement(job, ledger, quality), quality=quality, segments=None)


def _statement(job: Job, ledger: BudgetLedger, quality: Sourced[Quality]) -> PrivacyStatement:
    _, paid = kept_of(job, ledger)
    # All of them, because the model comes from all of them; and the figures, because they are about that model.
    everything = together(*map(stated, paid.by_name.values()), *job.options.chosen_by, quality)
    return privacy_statement(everything, ledger.state().policy.delta)


def _exact(draft: Card, report: EvaluationReport | None) -> Additions:
    if report is None:
        return Additions(draft=draft, privacy=draft.privacy, quality=None, segments=None)
    quality = non_private(Raw(_quality(report)), "quality on users who were kept aside")
    segments = non_private(Raw(_segments(report)), "quality in parts, on users who were kept aside")
    return Additions(draft=draft, privacy=draft.privacy, quality=quality, segments=segments)


def _quality(report: EvaluationReport) -> Quality:
    own = next(model for model in report.models if model.model == THIS)
    named = (report.main, f"capped_recall@{report.ks[0]}", f"capped_recall@{report.ks[-1]}")
    metrics = tuple(
        Figure(name, round(own.metrics[name].mean, _DIGITS), round(own.metrics[name].half_width, _DIGITS))
        for name in dict.fromkeys(named)
    )
    return Quality(
        Figure("users", float(report.users), 0.0), "users who were kept aside and are not in training", metrics, _NOTE
    )


def _segments(report: EvaluationReport) -> Segments:
    own = next(model for model in report.models if model.model == THIS)
    rows = tuple(
        SegmentQuality(
            each.kind,
            each.title,
            Figure(
                report.main,
                round(each.metrics[report.main].mean, _DIGITS),
                round(each.metrics[report.main].half_width, _DIGITS),
            ),
        )
        for each in own.segments
        if report.main in each.metrics and not each.too_few
    )
    return Segments(report.main, rows, _NOTE)


_NOTE = "Exact figures about people, with 95% bootstrap intervals over users. NON-PRIVATE."
