"""A working directory with everything that documents are made from."""

from collections.abc import Iterator

import pytest

from homespun.model.sample import sample_folder
from homespun_server.compliance.documents.gathering import Gathered, gather
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings, read_settings, settings_text
from homespun_server.store import SqlLog, Store, open_store

CONTROLLER = """
[compliance.controller]
name = "Films <Ltd>"
address = "1 Example Street, Example"
contact = "privacy@example.org"
officer = "dpo@example.org"

[[compliance.tables]]
path = "ratings.csv"
what = "ratings of films"
keep_days = 400
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    folder = tmp_path_factory.mktemp("documents")
    head, _, rest = settings_text("films", ("canary", "production")).partition("\n[service]\n")
    text = f"{head}\n[service]\n{rest.partition('# Who decides')[0]}{CONTROLLER}"
    (folder / "homespun.toml").write_text(text, encoding="utf-8")
    return read_settings(folder, {})


@pytest.fixture(scope="module")
def store(directory: ServerSettings) -> Iterator[Store]:
    with open_store(directory.store) as opened:
        BudgetLedger(SqlLog(opened), "shop", clock=lambda: 1.79e9).open(
            BudgetPolicy(epsilon=2.0, delta=1e-6, period="month", lifetime=20.0)
        )
        yield opened


@pytest.fixture(scope="module")
def gathered(directory: ServerSettings, store: Store) -> Gathered:
    """With the built-in sample in production, and an attack on it."""
    registry = open_registry(directory, store)
    attack = {"name": "membership", "passed": True, "figure": "0.012", "threshold": "≤ 0.05", "words": "an attack"}
    added = registry.add(sample_folder(), lineage={}, gates={"results": [{**attack, "basis": "exact"}]})
    registry.move(added.id, "production", "a test", "for the documents")
    return gather(directory, store)
