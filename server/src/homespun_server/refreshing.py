"""From a fit's kept releases to a bundle of today: pays only for what is released anew."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.policy import Policy
from homespun_server.accounts import DATA_SET, Account, Wanted, granted
from homespun_server.errors import LedgerError
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import check_catalogue_is_public, check_nothing_is_ignored, read_items, silent
from homespun_server.learning import FitData, FitOptions
from homespun_server.learning.keeping import RELEASES_FOLDER, KeptFit, load
from homespun_server.learning.refreshing import TREND, check_grown, check_refreshable, moment_of, relearn
from homespun_server.results import Fitted, Results, check_results_replaceable, purpose_of
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items


def refresh(
    previous: str | Path,
    interactions: Interactions | str | Path,
    *,
    items: Items | str | Path | None = None,
    out: str | Path,
    epsilon: float,
    statistics: Sequence[str] = (TREND,),
    as_of: int | None = None,
    account: Account | None = None,
    interaction_columns: InteractionColumns | None = None,
    item_columns: ItemColumns | None = None,
    skip_bad_rows: bool = False,
    measure: bool = True,
    policy: Policy | None = None,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Fitted:
    """Release some statistics of a private fit anew, and train its model again from these and the kept ones.

    Writes the same as a fit, so that the next refresh can begin there. The universe, the blend and all other options
    stay the fit's; item counts are never released again, so that another universe takes another fit. Items that were
    added to the catalogue are known by their content alone.

    Args:
        previous: The folder of the results of a private fit, or of another refresh.
        interactions: A CSV, Parquet or JSON Lines file about the same people, or interactions that were read; these
            bring their catalogue.
        items: The catalogue of today: such a file, or items that were read. It has every item that the fit had.
        out: Folder for the results; it may be ``previous``.
        epsilon: ε per user of what is released anew. With what the kept releases cost, the bundle states it in all.
        statistics: What to release anew; see ``REFRESHABLE``. They share ε by their importance.
        as_of: When it is for trends, seconds since 1970; None: now if they are released anew, else as before.
        account: The ledger that the fit was charged to; None: the one beside the first fit's results, if it used that.
        interaction_columns: Which column is what, if not by their usual names.
        item_columns: Likewise for the catalogue.
        skip_bad_rows: Leave out rows that cannot be used, and count them, instead of refusing.
        measure: Whether users who were kept aside are asked how good the model is.
        policy: How devices are to make lists; None: as the fit said, if it did.
        observer: Called with (step, done, in all) as work goes on.
        clock: The time, for the bundle's date and trends.

    Raises:
        MisuseError: If ``previous`` keeps no releases, a statistic cannot be refreshed, the ledger has to be named, or
            the arguments contradict each other.
        PolicyError: If the policy cannot be used.
        PrivacyParameterError: If ε promises nothing.
        BudgetError: If the ledger does not allow it, or is not where it was; nothing was read.
        StoreError: If the ledger's store cannot be opened.
        ReleaseFileError: If a kept file is damaged, or the ledger knows no such release; nothing was spent.
        DataError: If an input cannot be used, or the catalogue lacks an item; nothing was spent.
        TrainingError: If no model can be made.
        OutputError: If ``out`` holds something else than an earlier result.
    """
    kept = load(Path(previous) / RELEASES_FOLDER)
    if policy is not None:
        kept = replace(kept, options=replace(kept.options, policy=policy))
    check_refreshable(kept, statistics)
    wanted = Wanted(epsilon, None, None, kept.options.test_share)
    folder = Path(out)
    check_results_replaceable(folder)
    found = _catalogue(interactions, items, interaction_columns, item_columns, skip_bad_rows=skip_bad_rows)
    check_grown(kept, found)
    with ExitStack() as stack:
        purpose = purpose_of("refresh", kept.options.name)
        allowed = stack.enter_context(granted(wanted, account or _beside(kept), folder, purpose))
        paid = kept.paid(allowed.ledger)
        if not isinstance(interactions, Interactions):
            columns = interaction_columns or InteractionColumns()
            read = Interactions.read(interactions, columns, items=found, skip_bad_rows=skip_bad_rows)
            interactions = stack.enter_context(read)
        check_catalogue_is_public(interactions, private=True)
        results = Results(interactions, folder, paid.options, observer or silent, clock(), allowed, measures=measure)
        data = FitData(interactions, _looked_at(paid.options, statistics), results.budget)
        learned = relearn(
            data,
            kept,
            paid,
            statistics=statistics,
            as_of=moment_of(kept, paid, statistics, as_of, results.now),
            budget=results.budget,
            observer=results.observer,
        )
        results.keep(learned, kept.ids, kept.ledger if account is None else None)
        return results.write(data, learned)


def _catalogue(
    interactions: Interactions | str | Path,
    items: Items | str | Path | None,
    interaction_columns: InteractionColumns | None,
    item_columns: ItemColumns | None,
    *,
    skip_bad_rows: bool,
) -> Items:
    if isinstance(interactions, Interactions):
        check_nothing_is_ignored(items, interaction_columns, item_columns, skip_bad_rows or None)
        return interactions.items
    if items is None:
        raise MisuseError("a refresh needs the public catalogue of today (items=, --items): every item, and new ones.")
    return read_items(items, item_columns, skip_bad_rows=skip_bad_rows)


def _beside(kept: KeptFit) -> Account:
    """Return the ledger beside the first fit's results."""
    if kept.ledger is None:
        raise MisuseError(
            f"the releases in {kept.folder} were charged to a ledger that the operator named. Name it again: account=, "
            "or --store and --data-set."
        )
    if not kept.ledger.is_file():
        raise LedgerError(
            f"the ledger that the releases in {kept.folder} were charged to is not at {kept.ledger}, so nobody could "
            "tell what people have lost. Put it back, or say where it is: account=, or --store PATH --data-set "
            f"{DATA_SET}. Nothing was read or spent."
        )
    return Account(kept.ledger, DATA_SET)


def _looked_at(options: FitOptions, statistics: Sequence[str]) -> FitOptions:
    """Return options that ask for no column of circumstances where none is counted."""
    return options if "item-context" in statistics else replace(options, contexts=())
