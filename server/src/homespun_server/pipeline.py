"""From a table of interactions to a bundle and its report: where the server's parts meet."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.accounts import BUDGET_FILE, Account, Wanted, granted
from homespun_server.errors import PrivacyParameterError
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import (
    CATALOGUE_TELLS,
    check_catalogue_is_public,
    check_nothing_is_ignored,
    read_items,
    silent,
)
from homespun_server.learning import FitData, FitOptions, Validation, learn, write_whole
from homespun_server.privacy.provenance import derive
from homespun_server.publishing.bundle import Description, check_replaceable
from homespun_server.results import BUNDLE_FOLDER, Fitted, Results, check_results_replaceable, purpose_of
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.training.content import catalogue, content_model


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
    """Fit a model and write ``out/bundle`` (to publish), and the report, the releases and the ledger (to keep).

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
    check_results_replaceable(folder)
    catalogue_given = None
    if isinstance(interactions, Interactions):
        check_nothing_is_ignored(items, interaction_columns, item_columns, skip_bad_rows or None)
        check_catalogue_is_public(interactions, private=wanted is not None)
    elif items is not None:
        catalogue_given = read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
    elif wanted is not None:
        raise MisuseError(CATALOGUE_TELLS)
    with ExitStack() as stack:
        # Before anything about people is read: what the budget does not allow must not cost a look at them.
        allowed = None
        if wanted is not None:
            allowed = stack.enter_context(granted(wanted, account, folder, purpose_of("fit", options.name)))
        if not isinstance(interactions, Interactions):
            columns = interaction_columns or InteractionColumns()
            read = Interactions.read(interactions, columns, items=catalogue_given, skip_bad_rows=skip_bad_rows)
            interactions = stack.enter_context(read)
            check_catalogue_is_public(interactions, private=wanted is not None)
        work = Results(interactions, folder, options, observer or silent, clock(), allowed)
        data = FitData(interactions, options, work.budget)
        learned = learn(data, options, work.budget, work.observer, work.now, validation)
        # Again, because validation uses the database for likes of its own.
        data = data if validation is None else FitData(interactions, options, work.budget)
        work.keep(learned, interactions.items.ids, folder / BUDGET_FILE if account is None else None)
        return work.write(data, learned, with_metrics=metrics_epsilon is not None)


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
        options: Name, dimensions, min_weight, kinds and policy are used.
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
    read = read_items(items, item_columns, skip_bad_rows=skip_bad_rows)
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
        policy=options.stated_policy,
    )
    write_whole(model, stated, description, folder)
    return folder


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
