"""The report of a fit: what was read, what was spent, and how good the model is. Stays with the operator."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from homespun.protocol.bundle import PrivacyStatement
from homespun_server.evaluation.evaluation import Evaluation
from homespun_server.evaluation.intervals import Interval, bootstrap
from homespun_server.privacy.ledger.report import BudgetSoFar

SCHEMA_VERSION = 2


class QualityRow(msgspec.Struct, frozen=True):
    """One model's quality: means over test users, 95% bootstrap intervals, paired leads in NDCG@100."""

    model: str
    recall_20: Interval
    recall_50: Interval
    ndcg_100: Interval
    coverage: float
    lead_over_popularity: Interval | None
    lead_over_ease: Interval | None


class Quality(msgspec.Struct, frozen=True):
    """Quality under strong generalization."""

    protocol: str
    test_users: int
    proposal_recall_100: float
    rows: tuple[QualityRow, ...]


class Bounding(msgspec.Struct, frozen=True):
    """What bounding did to one statistic: share of the unbounded total that was kept."""

    statistic: str
    users: int
    kept: float


class Size(msgspec.Struct, frozen=True):
    """A size that the model could have: bytes of what scores by the history, and quality on the validation cases."""

    table_bytes: int
    ndcg: float
    chosen: bool


class Report(msgspec.Struct, frozen=True):
    """The report of a fit.

    Attributes:
        schema: Version of this structure.
        non_private: Always true: counts and quality are exact figures about people.
        notice: The same in words.
        interactions: Interactions read.
        skipped: Rows skipped, by reason.
        catalogue_items: Items in the catalogue.
        training_users: Users with a like who took part in training.
        training_likes: Their likes.
        universe_items: Items in the model.
        bounding: What bounding did, per statistic.
        privacy: The bundle's statement.
        budget: What the users of the data set have lost so far; None without privacy.
        warnings: What the operator must know, in plain words.
        quality: None if no user was kept aside.
        model_bytes: Size of the model files.
        catalogue_bytes: Size of the catalogue.
        left_out: Why each part that the data do not allow is not in the model.
        sizes: The quality–size curve, on the cases that the blend was learned from; empty where none was.
    """

    schema: int
    non_private: bool
    notice: str
    interactions: int
    skipped: dict[str, int]
    catalogue_items: int
    training_users: int
    training_likes: int
    universe_items: int
    bounding: tuple[Bounding, ...]
    privacy: PrivacyStatement
    budget: BudgetSoFar | None
    warnings: tuple[str, ...]
    quality: Quality | None
    model_bytes: int
    catalogue_bytes: int
    left_out: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()


NOTICE = (
    "Counts and quality figures are exact figures about people, computed without noise. They are not covered by "
    "the bundle's (ε, δ): keep this file to yourself."
)

PROTOCOL = (
    "Strong generalization: test users are chosen by a published hash of their id and take no part in training; "
    "80% of their likes (by a published hash) are folded in, the others must be found in a full ranking by the "
    "exported bundle, run by the client. EASE and popularity are made from exact counts; EASE's λ is the best of "
    "several on the test users themselves, in its favour, and it is given the 4,000 most liked items. 95% paired "
    "bootstrap intervals over users; another draw of the noise, which would give another model, is not in them."
)


def quality_row(
    evaluation: Evaluation, popularity: Evaluation | None = None, ease: Evaluation | None = None
) -> QualityRow:
    """Summarise one model's figures, with its leads over the references."""
    return QualityRow(
        model=evaluation.name,
        recall_20=bootstrap(evaluation.recall_20),
        recall_50=bootstrap(evaluation.recall_50),
        ndcg_100=bootstrap(evaluation.ndcg_100),
        coverage=evaluation.coverage,
        lead_over_popularity=None if popularity is None else evaluation.lead_over(popularity),
        lead_over_ease=None if ease is None else evaluation.lead_over(ease),
    )


def quality_rows(models: Sequence[Evaluation], popularity: Evaluation, ease: Evaluation) -> tuple[QualityRow, ...]:
    """Summarise the references, then the models beside them."""
    return (
        quality_row(popularity),
        quality_row(ease, popularity),
        *(quality_row(model, popularity, ease) for model in models),
    )


def write_report(report: Report, path: Path) -> None:
    """Write the report as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
