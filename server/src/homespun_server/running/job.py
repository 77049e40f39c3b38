"""One run of a pipeline: everything that its steps work with. No step reads anything else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.accounts import DATA_SET, Account, Wanted, check_delta, keep_counting, open_ledger
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import check_catalogue_is_public
from homespun_server.learning import FitOptions
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.running.asked import Asked
from homespun_server.running.cache import Cache
from homespun_server.running.keys import digest_of_file
from homespun_server.running.options import Files, interaction_columns, item_columns
from homespun_server.running.ports import BundleRegistry, Repository
from homespun_server.running.settings import Pipeline
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

OWN_LEDGER = "budget.sqlite"
"""The ledger in the work folder, which only counts."""

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a run works with besides its inputs.

    Attributes:
        work: The folder of what steps made.
        store: The working directory's store, for a ledger that names no other; None: there is none.
        registry: Where bundles are registered; None: nowhere.
        repository: Where they are signed; None: nowhere.
    """

    work: Path
    store: str | None = None
    registry: BundleRegistry | None = None
    repository: Repository | None = None


@dataclass(frozen=True, kw_only=True)
class Incumbent:
    """The bundle that a channel's devices have.

    Attributes:
        identity: Its id.
        folder: Where its files are; None: they are not in the registry, so nothing can be held against it.
    """

    identity: str
    folder: Path | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run.

    Attributes:
        asked: What was asked.
        places: Where things are.
        keys: The key of every step that has one.
        incumbent: What the channel has; None: nothing yet.
        spend_again: Whether what was charged, and cannot be used, may be spent again.
        again: Whether another bundle of counts may be signed although one of them was taken back, or is rolling out.
        clock: The time.
        observer: Called with (step, done, in all).
    """

    asked: Asked
    places: Places
    keys: dict[str, str]
    incumbent: Incumbent | None
    spend_again: bool
    again: bool
    clock: Clock
    observer: Observer

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline."""
        return self.asked.pipeline

    @property
    def files(self) -> Files:
        """Its inputs."""
        return self.asked.files

    @property
    def options(self) -> FitOptions:
        """The fit's."""
        return self.asked.options

    @property
    def cache(self) -> Cache:
        """What steps made."""
        return Cache(self.places.work)

    def made(self, step: str) -> Path:
        """Return the folder of what an earlier step made."""
        return self.cache.folder(step, self.keys[step])

    @property
    def wanted(self) -> Wanted | None:
        """What it wants to spend; None without privacy."""
        fit = self.pipeline.fit
        if fit.epsilon is None:
            return None
        return Wanted(fit.epsilon, fit.delta, fit.metrics_epsilon, fit.test_share)

    @property
    def account(self) -> Account:
        """Where it is charged.

        Raises:
            MisuseError: If the ledger's store is the working directory's, and there is none.
        """
        return account_of(self.pipeline, self.files, self.places)

    @contextmanager
    def ledger(self) -> Iterator[BudgetLedger]:
        """Open the ledger while the context lasts; the one in the work folder is made if it is not there.

        Raises:
            LedgerError: If it was not opened by the operator, is damaged, or has another δ.
            StoreError: If the store cannot be opened.
        """
        account, own = self.account, self.pipeline.ledger is None
        with open_ledger(account.store, account.data_set, create=own) as ledger:
            if own:
                keep_counting(ledger, self.pipeline.fit.delta)
            check_delta(ledger, ledger.state().policy, self.pipeline.fit.delta)
            yield ledger

    def catalogue(self) -> Items:
        """Read the catalogue.

        Raises:
            DataError: If it cannot be used.
            MisuseError: If it is not the file that the run began with.
        """
        inputs = self.pipeline.inputs
        items = Items.read(self.files.items, item_columns(inputs), skip_bad_rows=inputs.skip_bad_rows)
        self._check_same("items", self.files.items)
        return items

    @contextmanager
    def people(self) -> Iterator[Interactions]:
        """Read the table about people while the context lasts.

        Raises:
            DataError: If it cannot be used.
            MisuseError: If it is not the file that the run began with, or the catalogue tells of people.
        """
        inputs, items = self.pipeline.inputs, self.catalogue()
        columns = interaction_columns(inputs)
        path = self.files.interactions
        with Interactions.read(path, columns, items=items, skip_bad_rows=inputs.skip_bad_rows) as interactions:
            self._check_same("interactions", path)
            check_catalogue_is_public(interactions, private=self.wanted is not None)
            yield interactions

    def _check_same(self, name: str, path: Path) -> None:
        if digest_of_file(path) != self.files.digests[name]:
            raise MisuseError(
                f"{path} was changed since this run began, so its steps would be about different data. Run again."
            )


def account_of(pipeline: Pipeline, files: Files, places: Places) -> Account:
    """Return where a pipeline is charged.

    Raises:
        MisuseError: If the ledger's store is the working directory's, and there is none.
    """
    ledger = pipeline.ledger
    if ledger is None:
        return Account(places.work / OWN_LEDGER, DATA_SET)
    if ledger.store is not None:
        named = ledger.store
        return Account(named if "://" in named else files.base / named, ledger.data_set)
    if places.store is None:
        raise MisuseError(
            "the ledger names no store, and there is no working directory with one. Name the store (ledger.store), or "
            "the working directory (--in)."
        )
    return Account(places.store, ledger.data_set)
