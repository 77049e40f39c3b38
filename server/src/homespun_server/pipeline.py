"""From a table of interactions to a bundle and its report: the one place where the server's parts meet."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.bundle import CATALOGUE, MODEL_FILES, PrivacyStatement
from homespun_server.accounts import Account, Granted, Wanted, granted
from homespun_server.errors import PrivacyParameterError
from homespun_server.evaluation.comparison import METRICS, Observer, compare, evaluable
from homespun_server.evaluation.report import NOTICE, SCHEMA_VERSION, Quality, Report, Size, write_report
from homespun_server.learning import FitData, FitOptions, Learned, Validation, learn, release_metrics, write
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive
from homespun_server.publishing.bundle import Description, check_replaceable, write_bundle
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import MIN_TEST_LIKES
from homespun_server.statistics.problems import Reason
from homespun_server.statistics.raw import Raw
from homespun_server.training.advice import advice
from homespun_server.training.content import catalogue, content_model

BUNDLE_FOLDER = "bundle"
REPORT_FILE = "report.json"
BLEND_FILE = "blend.json"

_SHOWN_OF_A_NAME = 100


@dataclass(frozen=True)
class Fitted:
    """What a fit wrote: the bundle's folder to publish, and the report to keep."""

    bundle: Path
    report: Report


def fit(
    interactions: Interactions | str | Path,
    *,
    items: Items | str | Path | None = None,
    out: str | Path,
    epsilon: float | None = None,
    delta: float | None = None,
    non_private: bool = False,
    metrics_epsilon: float | None = None,
    account: Account | None = None,
    options: FitOptions | None = None,
    validation: Validation | None = None,
    interaction_columns: InteractionColumns | None = None,
    item_columns: ItemColumns | None = None,
    skip_bad_rows: bool = False,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Fitted:
    """Fit a model and write ``out/bundle`` (to publish) and ``out/report.json`` and the ledger (to keep).

    Args:
        interactions: A CSV, Parquet or JSON Lines file, or interactions that were read; these bring their
            catalogue, so that nothing about reading can be said any more.
        items: The catalogue: such a file, or items that were read. It is public; needed unless ``non_private``,
            because a universe that is taken from what people used would tell of them.
        out: Folder for the results.
        epsilon: ε per user; exactly one of it and ``non_private`` is given.
        delta: δ per user; None: the ledger's, where nobody said otherwise 1e-6.
        non_private: Fit from exact sums, and mark everything so.
        metrics_epsilon: ε per user kept aside, to release how good the model is for the card; None: the card does
            not say. Nobody is both in training and kept aside, so a user loses the larger of the two.
        account: The operator's ledger, whose ceilings hold; None: ``out/budget.sqlite``, which counts.
        options: What a fit may vary.
        validation: How to learn the blend of terms from the training users themselves, without privacy; None: the
            options' blend, or the standard one. The learned blend is written to ``out/blend.json``.
        interaction_columns: Which column is what, if not by their usual names.
        item_columns: Likewise for the catalogue.
        skip_bad_rows: Leave out rows that cannot be used, and count them, instead of refusing.
        observer: Called with (step, done, in all) as work goes on.
        clock: The time, for the bundle's date.

    Raises:
        MisuseError: If the arguments contradict each other.
        PrivacyParameterError: If (ε, δ) promises nothing.
        BudgetError: If the ledger does not allow it; nothing was read.
        StoreError: If the ledger's store cannot be opened.
        DataError: If an input cannot be used; no budget was spent.
        TrainingError: If no model can be made.
        OutputError: If ``out`` holds something else than an earlier result.
    """
    options = options or FitOptions()
    wanted = _wanted(epsilon, delta, metrics_epsilon, options, account, non_private=non_private)
    _check_validation(validation, options, private=wanted is not None)
    folder = Path(out)
    check_replaceable(folder / BUNDLE_FOLDER)
    catalogue_given = None
    if isinstance(interactions, Interactions):
        _check_nothing_is_ignored(items, interaction_columns, item_columns, skip_bad_rows or None)
        _check_catalogue_is_public(interactions, private=wanted is not None)
    elif items is not None:
        catalogue_given = _read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
    elif wanted is not None:
        raise MisuseError(_CATALOGUE_TELLS)
    with ExitStack() as stack:
        # Before anything about people is read: what the budget does not allow must not cost a look at them.
        allowed = None
        if wanted is not None:
            allowed = stack.enter_context(granted(wanted, account, folder, _purpose(options.name)))
        if not isinstance(interactions, Interactions):
            columns = interaction_columns or InteractionColumns()
            read = Interactions.read(interactions, columns, items=catalogue_given, skip_bad_rows=skip_bad_rows)
            interactions = stack.enter_context(read)
            _check_catalogue_is_public(interactions, private=wanted is not None)
        work = _Work(interactions, folder, options, observer or _silent, clock(), allowed, validation)
        return work.fit(with_metrics=metrics_epsilon is not None)


def fit_content(
    items: Items | str | Path,
    *,
    out: str | Path,
    options: FitOptions | None = None,
    item_columns: ItemColumns | None = None,
    skip_bad_rows: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Path:
    """Make a bundle from the catalogue alone, at no privacy cost, and return its folder ``out/bundle``.

    Args:
        items: A CSV, Parquet or JSON Lines file, or items that were read.
        out: Folder for the bundle.
        options: Name, dimensions, min_weight and kinds are used.
        item_columns: Which column is what, if not by their usual names.
        skip_bad_rows: Leave out rows that cannot be used instead of refusing.
        clock: The time, for the bundle's date.

    Raises:
        MisuseError: If the catalogue was collected from interactions, or the arguments contradict each other.
        DataError: If the catalogue cannot be used.
        TrainingError: If no two items have a word or tag in common.
        OutputError: If ``out`` holds something else than an earlier bundle.
    """
    options = options or FitOptions()
    folder = Path(out) / BUNDLE_FOLDER
    check_replaceable(folder)
    read = _read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
    if read.derived:
        raise MisuseError(
            "this catalogue was collected from people's interactions and tells of them, so a bundle from it would "
            "not be free of personal data. Give the public catalogue."
        )
    stated = catalogue(read)
    model = content_model(stated, options.stated(options.dimensions))
    description = Description(
        name=options.name,
        created=clock(),
        min_weight=options.stated(options.min_weight),
        delta=None,
        parameters={"dimensions": derive(lambda found: str(found.low_rank[0].dimensions), model)},
        kinds=None if options.kinds is None else options.stated(options.kinds),
    )
    write_bundle(model, stated, description, folder)
    return folder


@dataclass(frozen=True)
class _Work:
    """One fit, with what it works on."""

    interactions: Interactions
    folder: Path
    options: FitOptions
    observer: Observer
    now: datetime
    granted: Granted | None
    validation: Validation | None

    @property
    def _bundle(self) -> Path:
        return self.folder / BUNDLE_FOLDER

    @property
    def _budget(self) -> Reservation | None:
        return None if self.granted is None else self.granted.reservation

    def fit(self, *, with_metrics: bool) -> Fitted:
        """Learn, write the bundle, measure it, and write the report."""
        options, budget = self.options, self._budget
        data = FitData(self.interactions, options, budget)
        learned = learn(data, options, budget, self.observer, self.now, self.validation)
        # Again, because validation uses the database for likes of its own.
        data = data if self.validation is None else FitData(self.interactions, options, budget)
        statement = write(learned.model, data, self._bundle, budget=budget, options=options, now=self.now)
        # An earlier report must not stand beside a bundle that it does not describe.
        for name in (REPORT_FILE, BLEND_FILE):
            (self.folder / name).unlink(missing_ok=True)
        # Whether there is a bundle must not depend on the test users, so this is a warning and no error.
        comparison = compare(data.likes, self.observer) if evaluable(data.likes) else None
        measured = None if comparison is None else comparison.measure(_name(statement), self._bundle)
        if with_metrics and budget is not None:
            found = Raw(np.zeros((0, len(METRICS)))) if measured is None else measured.metrics
            quality = release_metrics(found, learned.model, options, budget, self.observer)
            statement = write(
                learned.model, data, self._bundle, budget=budget, options=options, now=self.now, quality=quality
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
            model_bytes=sum((self._bundle / name).stat().st_size for name in MODEL_FILES),
            catalogue_bytes=(self._bundle / CATALOGUE).stat().st_size,
            left_out=learned.terms.value.left_out,
            sizes=_sizes(learned),
        )
        if learned.tuned is not None:
            (self.folder / BLEND_FILE).write_bytes(learned.weighing.value.blend.to_json())
        write_report(report, self.folder / REPORT_FILE)
        return Fitted(self._bundle, report)

    def _warnings(
        self, statement: PrivacyStatement, users: Raw[int], learned: Learned, *, measured: bool
    ) -> tuple[str, ...]:
        found = list(_warnings(statement, self.granted, users, learned.directions).for_the_operator())
        if self.options.min_weight is not None and "weight" not in self.interactions.report.columns:
            found.append("The table has no column of weights, so the least weight of a like changed nothing.")
        if self.options.test_share and not measured:
            found.append(f"No user who was kept aside has {MIN_TEST_LIKES} likes or more: quality was not measured.")
        return tuple(found)


def _wanted(
    epsilon: float | None,
    delta: float | None,
    metrics: float | None,
    options: FitOptions,
    account: Account | None,
    *,
    non_private: bool,
) -> Wanted | None:
    if non_private == (epsilon is not None):
        raise PrivacyParameterError(
            "say what privacy is wanted: either ε (epsilon=, --epsilon) or explicitly none (non_private=True, "
            "--non-private)."
        )
    if epsilon is None:
        if (delta, metrics, account) != (None, None, None):
            raise PrivacyParameterError(
                "δ, an ε for metrics and a budget ledger promise nothing without an ε; leave them out, or give an ε."
            )
        return None
    if metrics is not None and not options.test_share:
        raise PrivacyParameterError("metrics are released of users who are kept aside; keep some aside (test_share).")
    return Wanted(epsilon, delta, metrics, options.test_share)


def _check_validation(validation: Validation | None, options: FitOptions, *, private: bool) -> None:
    if validation is None:
        return
    if private:
        raise PrivacyParameterError(
            "a blend that is learned from what people did is exact, so the bundle would not be private. Learn it on "
            "public data (a fit with --non-private) and give it to this fit, or leave it out."
        )
    if options.blend is not None:
        raise MisuseError("give a blend, or a validation that learns one; not both.")


def _sizes(learned: Learned) -> tuple[Size, ...]:
    return tuple(Size(each.point.bytes, each.quality, each.point == learned.point) for each in learned.sizes.value)


def _purpose(name: str) -> str:
    """Return what the ledger says of a fit: one short line, whatever its name holds."""
    printable = "".join(sign if sign.isprintable() else " " for sign in name)
    return f"fit {printable:.{_SHOWN_OF_A_NAME}}"


def _check_nothing_is_ignored(*arguments: object) -> None:
    if any(argument is not None for argument in arguments):
        raise MisuseError(
            "what was read already brings its items and columns; leave items=, the columns and skip_bad_rows= out, or "
            "give the path of the file."
        )


def _check_catalogue_is_public(interactions: Interactions, *, private: bool) -> None:
    """Refuse a catalogue that was taken from the interactions, on purpose or by giving the same file twice."""
    items = interactions.items
    read = items.report
    same_file = read is not None and _same_file(Path(read.path), Path(interactions.report.path))
    repeated = read is not None and any(fault.reason is Reason.DUPLICATE_ITEM for fault in read.skipped)
    if private and (items.derived or same_file or repeated):
        raise MisuseError(_CATALOGUE_TELLS)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is gone since it was read
        return one.absolute() == other.absolute()


_CATALOGUE_TELLS = (
    "a private fit needs the public catalogue, an item a row (items=, --items): a list of items that is taken from "
    "what people used would itself tell of them."
)


def _read_items(items: Items | str | Path, columns: ItemColumns | None, *, skip_bad_rows: bool) -> Items:
    if isinstance(items, Items):
        _check_nothing_is_ignored(columns)
        return items
    return Items.read(items, columns or ItemColumns(), skip_bad_rows=skip_bad_rows)


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
    return advice(users=users, directions=directions, epsilon=allowed.wanted.epsilon, delta=delta)


def _silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""
