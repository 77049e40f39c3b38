"""From a table of interactions to a bundle and its report: the one place where the server's parts meet."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.bundle import CATALOGUE, MANIFEST, MODEL_FILES, Manifest, PrivacyStatement
from homespun_server.errors import PrivacyParameterError
from homespun_server.learning import FitOptions, make_bundle
from homespun_server.privacy.accountant import DEFAULT_DELTA, Accountant, epsilon_of
from homespun_server.publishing.bundle import Description, check_replaceable, write_bundle
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import MIN_TEST_LIKES, Likes
from homespun_server.statistics.problems import Reason
from homespun_server.training.advice import advice
from homespun_server.training.comparison import Observer, compare, evaluable
from homespun_server.training.content import content_model
from homespun_server.training.report import NOTICE, SCHEMA_VERSION, Report, write_report

BUNDLE_FOLDER = "bundle"
REPORT_FILE = "report.json"


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
            if catalogue is None and budget is not None:
                raise MisuseError(_CATALOGUE_TELLS)
            columns = interaction_columns or InteractionColumns()
            read = Interactions.read(interactions, columns, items=catalogue, skip_bad_rows=skip_bad_rows)
            interactions = stack.enter_context(read)
        _check_catalogue_is_public(budget, interactions)
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
    catalogue = _read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
    if catalogue.derived:
        raise MisuseError(
            "this catalogue was collected from people's interactions and tells of them, so a bundle from it would "
            "not be free of personal data. Give the public catalogue."
        )
    model = content_model(catalogue, options.dimensions)
    parameters = {"dimensions": str(model.components[0].encoder.shape[1])}
    description = Description(options.name, clock(), options.min_weight, None, parameters, options.kinds)
    write_bundle(model, catalogue, description, folder)
    return folder


def _fit(
    interactions: Interactions,
    folder: Path,
    budget: Accountant | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
) -> Fitted:
    likes = Likes(interactions, min_weight=options.min_weight, test_share=options.test_share)
    bundle_folder = folder / BUNDLE_FOLDER
    replaced = _statement_in(bundle_folder)
    learned, statement = make_bundle(
        likes, interactions.items, bundle_folder, budget=budget, options=options, observer=observer, now=now
    )
    # An earlier report must not stand beside a bundle that it does not describe.
    (folder / REPORT_FILE).unlink(missing_ok=True)
    users = likes.training_users()
    # Whether there is a bundle must not depend on the test users, so this is a warning and no error.
    comparison = compare(likes, observer) if evaluable(likes) else None
    quality = None if comparison is None else comparison.quality({_name(statement): bundle_folder})
    warnings = [*_warnings(budget, users, learned.directions), *_composition(replaced, statement)]
    if options.test_share and quality is None:
        warnings.append(f"No user who was kept aside has {MIN_TEST_LIKES} likes or more: quality was not measured.")
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
        warnings=tuple(warnings),
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


def _check_catalogue_is_public(budget: Accountant | None, interactions: Interactions) -> None:
    """Refuse a catalogue that was taken from the interactions, on purpose or by giving the same file twice."""
    items = interactions.items
    read = items.report
    same_file = read is not None and _same_file(Path(read.path), Path(interactions.report.path))
    repeated = read is not None and any(fault.reason is Reason.DUPLICATE_ITEM for fault in read.skipped)
    if budget is not None and (items.derived or same_file or repeated):
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


def _warnings(budget: Accountant | None, users: int, directions: int) -> tuple[str, ...]:
    if budget is None:
        return ("This bundle is NON-PRIVATE: for experiments only, never for people's data in production.",)
    return advice(users=users, directions=directions, epsilon=budget.epsilon, delta=budget.delta)


def _statement_in(folder: Path) -> PrivacyStatement | None:
    """Return the statement of an earlier bundle that is about to be replaced, if there is one."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest).privacy
    except (OSError, msgspec.MsgspecError):
        return None


def _composition(earlier: PrivacyStatement | None, now: PrivacyStatement) -> tuple[str, ...]:
    """Warn that a second release about the same people costs the sum of both."""
    if earlier is None or earlier.rho is None or now.rho is None or now.delta is None:
        return ()
    together = epsilon_of(float(earlier.rho + now.rho), float(now.delta))
    warning = (
        f"An earlier private bundle (ε = {earlier.epsilon}) was replaced. If it was made from the same people, both "
        f"count: together they are ε = {together:.3g} at δ = {now.delta} for whoever still has the first one."
    )
    return (warning,)


def _silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""
