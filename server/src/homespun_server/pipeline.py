"""From a table of interactions to a bundle and its report: the one place where the server's parts meet."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.bundle import CATALOGUE, MODEL_FILES, PrivacyStatement
from homespun.protocol.statistics import MAX_UNIVERSE, item_weights
from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.accountant import DEFAULT_DELTA, Accountant
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.publishing.bundle import Description, check_replaceable, write_bundle
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.sums import UserSum, item_counts, item_pairs
from homespun_server.training.advice import advice
from homespun_server.training.collaborative import POPULARITY_POWER, train_collaborative
from homespun_server.training.comparison import Observer, check_evaluable, compare
from homespun_server.training.content import content_model
from homespun_server.training.model import Model
from homespun_server.training.popularity import PRIOR_WEIGHT, choose_universe, prior
from homespun_server.training.report import NOTICE, SCHEMA_VERSION, Bounding, Report, write_report

COUNTS_SHARE = Fraction(6, 100)
"""Share of the budget for item counts; the rest is for pairs. Fixed a priori."""

BUNDLE_FOLDER = "bundle"
REPORT_FILE = "report.json"


@dataclass(frozen=True)
class FitOptions:
    """What a fit may vary; everything is fixed before data is seen.

    Attributes:
        name: The bundle's name for people.
        min_weight: Least weight of a like; None: every interaction is one.
        test_share: Share of users kept aside for evaluation, in [0, 1).
        max_items: Largest universe. Noise takes 17 µs a pair and core: 3,000 items are 4.5 million pairs.
        dimensions: Largest rank of a component.
    """

    name: str = "homespun bundle"
    min_weight: float | None = None
    test_share: float = 0.1
    max_items: int = 3000
    dimensions: int = 64

    def __post_init__(self) -> None:
        """Refuse what means nothing, before anything is read or spent."""
        if not 2 <= self.max_items <= MAX_UNIVERSE or self.dimensions < 1:  # noqa: PLR2004 - a pair
            raise MisuseError(f"max_items must lie in 2..{MAX_UNIVERSE} and dimensions be at least 1.")
        if not 0 <= self.test_share < 1:
            raise MisuseError(f"test_share is {self.test_share}; it must lie in [0, 1).")
        if self.min_weight is not None and not math.isfinite(self.min_weight):
            raise MisuseError(
                f"min_weight is {self.min_weight}; give a finite number, or None if everything is a like."
            )


@dataclass(frozen=True)
class Learned:
    """A trained model, and what bounding did on the way."""

    model: Model
    bounding: tuple[Bounding, ...]
    directions: int


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
    delta: float = DEFAULT_DELTA,
    non_private: bool = False,
    options: FitOptions | None = None,
    interaction_columns: InteractionColumns | None = None,
    item_columns: ItemColumns | None = None,
    skip_bad_rows: bool = False,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Fitted:
    """Fit a model and write ``out/bundle`` (to publish) and ``out/report.json`` (to keep).

    Args:
        interactions: A CSV, Parquet or JSON Lines file, or interactions that were read; these bring their
            catalogue, so that nothing about reading can be said any more.
        items: The catalogue: such a file, or items that were read. It is public; needed unless ``non_private``,
            because a universe that is taken from what people used would tell of them.
        out: Folder for the results.
        epsilon: ε per user; exactly one of it and ``non_private`` is given.
        delta: δ per user.
        non_private: Fit from exact sums, and mark everything so.
        options: What a fit may vary.
        interaction_columns: Which column is what, if not by their usual names.
        item_columns: Likewise for the catalogue.
        skip_bad_rows: Leave out rows that cannot be used, and count them, instead of refusing.
        observer: Called with (step, done, in all) as work goes on.
        clock: The time, for the bundle's date.

    Raises:
        MisuseError: If the arguments contradict each other.
        PrivacyParameterError: If (ε, δ) promises nothing.
        DataError: If an input cannot be used.
        TrainingError: If no model can be made.
        OutputError: If ``out`` holds something else than an earlier result.
    """
    options = options or FitOptions()
    budget = _budget(epsilon, delta, non_private=non_private)
    folder = Path(out)
    check_replaceable(folder / BUNDLE_FOLDER)
    with ExitStack() as stack:
        if isinstance(interactions, Interactions):
            _check_nothing_is_ignored(items, interaction_columns, item_columns, skip_bad_rows or None)
        else:
            catalogue = None if items is None else _read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
            _check_catalogue_is_public(budget, derived=catalogue is None or catalogue.derived)
            columns = interaction_columns or InteractionColumns()
            read = Interactions.read(interactions, columns, items=catalogue, skip_bad_rows=skip_bad_rows)
            interactions = stack.enter_context(read)
        _check_catalogue_is_public(budget, derived=interactions.items.derived)
        return _fit(interactions, folder, budget, options, observer or _silent, clock())


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
        options: Name, dimensions and min_weight are used.
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
    catalogue = _read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
    if catalogue.derived:
        raise MisuseError(
            "this catalogue was collected from people's interactions and tells of them, so a bundle from it would "
            "not be free of personal data. Give the public catalogue."
        )
    model = content_model(catalogue, options.dimensions)
    parameters = {"dimensions": str(model.components[0].encoder.shape[1])}
    description = Description(options.name, clock(), options.min_weight, None, parameters)
    write_bundle(model, catalogue, description, folder)
    return folder


def make_bundle(
    likes: Likes,
    items: Items,
    folder: Path,
    *,
    budget: Accountant | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
) -> tuple[Learned, PrivacyStatement]:
    """Learn from the training users' likes and write the bundle to ``folder``; see ``fit`` for the arguments."""
    learned = learn(likes, items.ids, options, budget, observer)
    delta = None if budget is None else budget.delta
    description = Description(options.name, now, options.min_weight, delta, _parameters(options, learned))
    manifest = write_bundle(learned.model, items, description, folder)
    return learned, manifest.privacy


def learn(
    likes: Likes, ids: Sequence[str], options: FitOptions, budget: Accountant | None, observer: Observer
) -> Learned:
    """Release the sums that a model needs, and train it from the releases alone.

    Args:
        likes: The likes; only training users' are summed.
        ids: Ids of the whole catalogue.
        options: What a fit may vary.
        budget: The budget to spend; None for exact sums, marked non-private.
        observer: Called with (step, done, in all).
    """
    summed_counts = item_counts(likes, len(ids))
    counts = _release(summed_counts, COUNTS_SHARE, budget, observer)
    universe = choose_universe(counts, ids, options.max_items)
    weights = item_weights(universe.popularity, POPULARITY_POWER)
    summed_pairs = item_pairs(likes.baskets(universe.items), weights)
    pairs = _release(summed_pairs, Fraction(1), budget, observer)
    trained = train_collaborative(pairs, universe, options.dimensions)
    model = Model(universe.items, (trained.component,), prior(universe), trained.releases)
    bounding = tuple(Bounding(total.statistic.name, total.users, total.kept) for total in (summed_counts, summed_pairs))
    return Learned(model, bounding, trained.directions)


def _fit(
    interactions: Interactions,
    folder: Path,
    budget: Accountant | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
) -> Fitted:
    likes = Likes(interactions, min_weight=options.min_weight, test_share=options.test_share)
    if options.test_share:
        check_evaluable(likes)
    bundle_folder = folder / BUNDLE_FOLDER
    learned, statement = make_bundle(
        likes, interactions.items, bundle_folder, budget=budget, options=options, observer=observer, now=now
    )
    # An earlier report must not stand beside a bundle that it does not describe.
    (folder / REPORT_FILE).unlink(missing_ok=True)
    users = likes.training_users()
    quality = None
    if options.test_share:
        quality = compare(likes, observer).quality({_name(statement): bundle_folder})
    report = Report(
        schema=SCHEMA_VERSION,
        non_private=True,
        notice=NOTICE,
        interactions=interactions.report.read,
        skipped=_skipped(interactions),
        catalogue_items=len(interactions.items.ids),
        training_users=users,
        training_likes=likes.training_likes(),
        universe_items=learned.model.items.size,
        bounding=learned.bounding,
        privacy=statement,
        warnings=_warnings(budget, users, learned.directions),
        quality=quality,
        model_bytes=sum((bundle_folder / name).stat().st_size for name in MODEL_FILES),
        catalogue_bytes=(bundle_folder / CATALOGUE).stat().st_size,
    )
    write_report(report, folder / REPORT_FILE)
    return Fitted(bundle_folder, report)


def _budget(epsilon: float | None, delta: float, *, non_private: bool) -> Accountant | None:
    if non_private == (epsilon is not None):
        raise PrivacyParameterError(
            "say what privacy is wanted: either ε (epsilon=, --epsilon) or explicitly none (non_private=True, "
            "--non-private)."
        )
    if non_private and delta != DEFAULT_DELTA:
        raise PrivacyParameterError(f"δ = {delta} promises nothing without an ε; leave it out, or give an ε.")
    return None if epsilon is None else Accountant(epsilon, delta)


def _check_nothing_is_ignored(*arguments: object) -> None:
    if any(argument is not None for argument in arguments):
        raise MisuseError(
            "what was read already brings its items and columns; leave items=, the columns and skip_bad_rows= out, or "
            "give the path of the file."
        )


def _check_catalogue_is_public(budget: Accountant | None, *, derived: bool) -> None:
    if budget is not None and derived:
        raise MisuseError(
            "a private fit needs the catalogue (items=, --items): a list of items that is taken from what people "
            "used would itself tell of them."
        )


def _read_items(items: Items | str | Path, columns: ItemColumns | None, *, skip_bad_rows: bool) -> Items:
    if isinstance(items, Items):
        _check_nothing_is_ignored(columns)
        return items
    return Items.read(items, columns or ItemColumns(), skip_bad_rows=skip_bad_rows)


def _release(total: UserSum, share_of_rest: Fraction, budget: Accountant | None, observer: Observer) -> Release:
    step = f"release {total.statistic.name}"
    if budget is None:
        observer(f"{step} (non-private)", 1, 1)
        return release_without_privacy(total)
    rho = (budget.rho - budget.spent) * share_of_rest
    return release(total, rho=rho, accountant=budget, progress=lambda done, of: observer(step, done, of))


def _parameters(options: FitOptions, learned: Learned) -> dict[str, str]:
    return {
        "largest universe": str(options.max_items),
        "dimensions": str(learned.model.components[0].encoder.shape[1]),
        "power of popularity": str(POPULARITY_POWER),
        "share of the budget for counts": str(float(COUNTS_SHARE)),
        "weight of the prior": str(PRIOR_WEIGHT),
        "least weight of a like": "none" if options.min_weight is None else str(options.min_weight),
        "users kept aside": f"{100 * options.test_share:g}%",
    }


def _name(statement: PrivacyStatement) -> str:
    return "non-private" if statement.epsilon is None else f"private, ε = {statement.epsilon.normalize():f}"


def _skipped(interactions: Interactions) -> dict[str, int]:
    return {str(fault.reason): fault.count for fault in interactions.report.skipped}


def _warnings(budget: Accountant | None, users: int, directions: int) -> tuple[str, ...]:
    if budget is None:
        return ("This bundle is NON-PRIVATE: for experiments only, never for people's data in production.",)
    return advice(users=users, directions=directions, epsilon=budget.epsilon, delta=budget.delta)


def _silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""
