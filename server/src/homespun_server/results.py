"""What a fit or a refresh leaves: a bundle to publish, and beside it the report and the releases to keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from homespun.protocol.bundle import CATALOGUE, MODEL_FILES, PrivacyStatement
from homespun_server.accounts import Granted
from homespun_server.evaluation.comparison import METRICS, Observer, compare, evaluable
from homespun_server.evaluation.report import NOTICE, SCHEMA_VERSION, Quality, Report, Size, write_report
from homespun_server.learning import FitData, FitOptions, Learned, release_metrics, write
from homespun_server.learning.keeping import RELEASES_FOLDER, check_keepable, remove, save
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced
from homespun_server.publishing.bundle import check_replaceable
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import MIN_TEST_LIKES
from homespun_server.statistics.raw import Raw
from homespun_server.training.advice import advice

BUNDLE_FOLDER = "bundle"
REPORT_FILE = "report.json"
BLEND_FILE = "blend.json"

_SHOWN_OF_A_NAME = 100


@dataclass(frozen=True)
class Fitted:
    """What a fit or a refresh wrote: the bundle's folder to publish, and the report to keep."""

    bundle: Path
    report: Report


def check_results_replaceable(folder: Path) -> None:
    """Refuse a folder in which something stands where results would.

    Raises:
        OutputError: If it holds something else than an earlier result.
    """
    check_replaceable(folder / BUNDLE_FOLDER)
    check_keepable(folder / RELEASES_FOLDER)


@dataclass(frozen=True)
class Results:
    """Where results go, and what they tell of.

    Attributes:
        interactions: The table.
        folder: Gets the results.
        options: The fit's.
        observer: Called with (step, done, in all).
        now: When the bundle is made.
        granted: The budget; None without privacy.
        measures: Whether users who were kept aside are asked how good the model is.
    """

    interactions: Interactions
    folder: Path
    options: FitOptions
    observer: Observer
    now: datetime
    granted: Granted | None
    measures: bool = True

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.folder / BUNDLE_FOLDER

    @property
    def budget(self) -> Reservation | None:
        """The budget that is spent; None without privacy."""
        return None if self.granted is None else self.granted.reservation

    def keep(self, learned: Learned, ids: Sequence[str], ledger: Path | None) -> None:
        """Keep the releases, or nothing if there is anything exact; before a bundle, because they are paid for.

        Args:
            learned: What they were made for.
            ids: The catalogue's ids in the order in which item counts were counted.
            ledger: The ledger beside a fit's results that they were charged to; None: the operator's own.

        Raises:
            OutputError: If they cannot be kept.
        """
        folder = self.folder / RELEASES_FOLDER
        if self.budget is None or learned.model.exact:
            remove(folder)
        else:
            save(learned.released, self.options, ids, folder, ledger=ledger)

    def write(self, data: FitData, learned: Learned, *, with_metrics: bool = False) -> Fitted:
        """Write the bundle, measure it, and write the report."""
        options, budget = self.options, self.budget
        statement = write(learned.model, data, self.bundle, budget=budget, options=options, now=self.now)
        # An earlier report must not stand beside a bundle that it does not describe.
        for name in (REPORT_FILE, BLEND_FILE):
            (self.folder / name).unlink(missing_ok=True)
        # Whether there is a bundle must not depend on the test users, so this is a warning and no error.
        asked = self.measures and evaluable(data.likes)
        comparison = compare(data.likes, self.observer) if asked else None
        measured = None if comparison is None else comparison.measure(_name(statement), self.bundle)
        if with_metrics and budget is not None:
            found = Raw(np.zeros((0, len(METRICS)))) if measured is None else measured.metrics
            quality = release_metrics(found, learned.model, options, budget, self.observer)
            statement = write(
                learned.model, data, self.bundle, budget=budget, options=options, now=self.now, quality=quality
            )
        told = None if comparison is None or measured is None else comparison.quality([measured])
        return self._report(data, learned, statement, told)

    def _report(
        self, data: FitData, learned: Learned, statement: PrivacyStatement, quality: Raw[Quality] | None
    ) -> Fitted:
        # From here on exact figures are in the open: nothing but the operator's report is made of them.
        users = data.likes.training_users()
        report = Report(
            schema=SCHEMA_VERSION,
            non_private=True,
            notice=NOTICE,
            interactions=self.interactions.report.read,
            skipped=_skipped(self.interactions),
            catalogue_items=len(self.interactions.items.ids),
            training_users=users.for_the_operator(),
            training_likes=data.likes.training_likes().for_the_operator(),
            universe_items=learned.model.value.items.size,
            bounding=learned.bounding.for_the_operator(),
            privacy=statement,
            budget=None if self.granted is None else self.granted.so_far(),
            warnings=self._warnings(statement, users, learned, measured=quality is not None),
            quality=None if quality is None else quality.for_the_operator(),
            model_bytes=sum((self.bundle / name).stat().st_size for name in MODEL_FILES),
            catalogue_bytes=(self.bundle / CATALOGUE).stat().st_size,
            left_out=learned.terms.value.left_out,
            sizes=_sizes(learned),
        )
        if learned.tuned is not None:
            (self.folder / BLEND_FILE).write_bytes(learned.weighing.value.blend.to_json())
        write_report(report, self.folder / REPORT_FILE)
        return Fitted(self.bundle, report)

    def _warnings(
        self, statement: PrivacyStatement, users: Raw[int], learned: Learned, *, measured: bool
    ) -> tuple[str, ...]:
        found = list(_warnings(statement, self.granted, users, learned.directions).for_the_operator())
        if self.options.min_weight is not None and "weight" not in self.interactions.report.columns:
            found.append("The table has no column of weights, so the least weight of a like changed nothing.")
        if self.options.test_share and self.measures and not measured:
            found.append(f"No user who was kept aside has {MIN_TEST_LIKES} likes or more: quality was not measured.")
        return tuple(found)


def purpose_of(work: str, name: str) -> str:
    """Return what the ledger says of a fit or a refresh: one short line, whatever its name holds."""
    printable = "".join(sign if sign.isprintable() else " " for sign in name)
    return f"{work} {printable:.{_SHOWN_OF_A_NAME}}"


def _sizes(learned: Learned) -> tuple[Size, ...]:
    return tuple(Size(each.point.bytes, each.quality, each.point == learned.point) for each in learned.sizes.value)


def _name(statement: PrivacyStatement) -> str:
    return "non-private" if statement.epsilon is None else f"private, ε = {statement.epsilon.normalize():f}"


def _skipped(interactions: Interactions) -> dict[str, int]:
    return {str(fault.reason): fault.count for fault in interactions.report.skipped}


def _warnings(
    statement: PrivacyStatement, allowed: Granted | None, users: Raw[int], directions: Sourced[int]
) -> Raw[tuple[str, ...]]:
    if allowed is None or statement.kind == "non_private":
        return Raw(("This bundle is NON-PRIVATE: for experiments only, never for people's data in production.",))
    delta = allowed.reservation.delta
    # What is wanted now may be a small part of what the bundle's releases come to.
    epsilon = max(allowed.wanted.epsilon, float(statement.epsilon or 0))
    return advice(users=users, directions=directions, epsilon=epsilon, delta=delta)
