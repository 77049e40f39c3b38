"""What documents are made from, gathered once: settings, the data map, budgets, and the bundle that people meet."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from homespun.explain.parameter_values import Parameters
from homespun.explain.parameters import parameters_of
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.compliance.documents.blocks import Source, bundle_source, ledger_source
from homespun_server.compliance.documents.declared import DataMap, data_map
from homespun_server.errors import SettingsError
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.ledger.report import BudgetReport, budget_report
from homespun_server.publishing.directory import open_registry
from homespun_server.publishing.registry import Registry
from homespun_server.settings import FILE, ControllerSettings, ServerSettings
from homespun_server.store import SqlLog, Store


@dataclass(frozen=True)
class Live:
    """The bundle that people meet.

    Attributes:
        parameters: How lists are made with it.
        privacy: What it states of its privacy.
        version: Its number in the registry; None: it is not registered here.
        gates: What gates found of it.
    """

    parameters: Parameters
    privacy: PrivacyStatement
    version: int | None = None
    gates: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Gathered:
    """Everything that documents are made from.

    Attributes:
        settings: The working directory's settings.
        controller: Who decides about the processing.
        declared: The data map.
        risks: The threat model's rows.
        budgets: What every population may lose, and lost.
        live: The bundle that people meet; None: none is in production.
    """

    settings: ServerSettings
    controller: ControllerSettings
    declared: DataMap
    risks: dict[str, Any]
    budgets: tuple[BudgetReport, ...]
    live: Live | None

    @property
    def named(self) -> str:
        """The controller, on one line."""
        return f"{self.controller.name}, {' '.join(self.controller.address.split())}"

    def sources(self) -> Iterator[Source]:
        """Yield what all documents were made from."""
        settings = msgspec.to_builtins(self.settings.compliance)
        yield Source("the data map", self.declared.digest)
        yield Source("the statistics", _digest([statistic.digest for statistic in STANDARD]))
        yield Source("the settings of compliance", _digest(settings))
        yield from (ledger_source(each.data_set, each.head) for each in self.budgets)
        if self.live is not None:
            yield bundle_source(self.live.parameters.name, self.live.parameters.bundle)
            yield Source(f"the policy {self.live.parameters.policy}", _digest(self.live.parameters.data()))

    def risk_source(self) -> Source:
        """Return the threat model, as a source."""
        return Source("the threat model", _digest(self.risks))


def gather(settings: ServerSettings, store: Store, bundle: Path | None = None) -> Gathered:
    """Gather what documents are made from.

    Args:
        settings: The working directory's settings.
        store: Its store.
        bundle: The folder of the bundle that people meet; None: the one that came into production last.

    Raises:
        SettingsError: The settings do not say who decides about the processing.
        BundleError: The bundle is damaged.
        StoreError: The store cannot be read.
    """
    controller = settings.compliance.controller
    if controller is None:
        raise SettingsError(
            f"{settings.folder / FILE} does not say who decides about the processing, and every document names them. "
            "Fill in the table [compliance.controller]."
        )
    return Gathered(
        settings=settings,
        controller=controller,
        declared=data_map(),
        risks=json.loads(files(__package__).joinpath("risks.json").read_bytes()),
        budgets=tuple(_budgets(store)),
        live=_of_folder(bundle) if bundle else _in_production(open_registry(settings, store)),
    )


def _budgets(store: Store) -> Iterator[BudgetReport]:
    log = SqlLog(store)
    for name in log.data_sets():
        yield budget_report(BudgetLedger(log, name).state())


def _in_production(registry: Registry) -> Live | None:
    found = registry.versions(stage="production", limit=1)
    if not found:
        return None
    gates = registry.details(found[0].id).gates
    return _of_folder(registry.folder(found[0].id), found[0].version, tuple(_results(gates)))


def _of_folder(folder: Path, version: int | None = None, gates: tuple[dict[str, str], ...] = ()) -> Live:
    with closing(Bundle.open(folder)) as bundle:
        return Live(parameters_of(bundle, bundle.policy), bundle.manifest.privacy, version, gates)


def _results(gates: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the results of gates in words, whatever else was registered with them."""
    for result in gates.get("results", ()):
        if isinstance(result, dict):
            yield {
                name: str(result.get(name, "")) for name in ("name", "passed", "figure", "threshold", "words", "basis")
            }


def _digest(value: object) -> str:
    # Shares are reals, which canonical JSON refuses; the same program writes the same text for them.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
