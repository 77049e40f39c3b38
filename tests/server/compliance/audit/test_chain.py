"""A list could lead to a model that nobody knows the training of, or to a budget that nobody was charged to."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from homespun.explain.recording import record_of
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.compliance.audit import Pins, export, verify
from homespun_server.compliance.audit.container import pack, unpack
from homespun_server.compliance.audit.exporting import Wanted
from homespun_server.compliance.keys import ComplianceKeys, create_compliance_keys, open_compliance_keys
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.running.runner import run
from homespun_server.settings import ServerSettings
from homespun_server.store import SqlLog, open_store
from homespun_server.store.schema import bundles
from tests.sdk.deciding import decide
from tests.server.api.support import PASSPHRASE
from tests.server.running.support import CHEAP, NOON, Hands, content, directory, job_of, write_films


@dataclass(frozen=True)
class Trained:
    """A working directory in which a pipeline made a bundle from people's data, and what was exported of it."""

    settings: ServerSettings
    keys: ComplianceKeys
    wanted: Wanted
    bundle: str
    raw: bytes
    unlogged: ServerSettings

    @property
    def pins(self) -> Pins:
        return Pins(log=bytes.fromhex(self.keys.log_key), receipts=bytes.fromhex(self.keys.receipts_key))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    settings = ServerSettings(folder, "films", passphrase=PASSPHRASE)
    with directory(folder) as places, open_store(settings.store) as store:
        ledger = BudgetLedger(SqlLog(store), "viewers", NOON.timestamp)
        ledger.open(BudgetPolicy(epsilon=9.0, period="once"))
        asked = content(write_films(folder), ledger={"data_set": "viewers"}, publish={"shares": [1.0]})
        made = run(job_of(asked, folder, places=places))
        create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=Hands())
        keys = open_compliance_keys(settings)
        records = folder / "records.jsonl"
        with closing(Bundle.open(made.folder)) as bundle:
            events = [Event(item, "rate", 100.0 * number, 9.0) for number, item in enumerate(bundle.items[:5])]
            record = record_of(decide(bundle, events, k=4, now=5000.0), {"personalization": 3})
        records.write_bytes(msgspec.json.encode(record) + b"\n")
        # As it was before anything of it was logged.
        unlogged = replace(settings, folder=Path(shutil.copytree(folder, folder.with_name("unlogged"))))
        wanted = Wanted(since=NOON - timedelta(days=1), explanations=(records,))
        raw = export(settings, store, keys, wanted, now=Hands())
    return Trained(settings, keys, wanted, made.bundle, raw, unlogged)


def told(trained: Trained, members: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    return {each.name: (each.outcome, each.wrong or each.figure) for each in verify(pack(members), trained.pins)}


def edited(trained: Trained, change: Callable[[Any], None]) -> dict[str, bytes]:
    """Return the members with another lineage."""
    members = unpack(trained.raw)
    name = f"registry/{trained.bundle}.json"
    kept = json.loads(members[name])
    lineage = json.loads(kept["lineage"])
    change(lineage)
    return {**members, name: msgspec.json.encode({**kept, "lineage": json.dumps(lineage)})}


def test_the_chain_ends_before_the_budget(trained: Trained) -> None:
    members = unpack(trained.raw)
    found = told(trained, members)
    assert {name for name, (outcome, _) in found.items() if outcome == "fail"} == set()
    assert found["explanations"][0] == found["chain"][0] == "pass"
    # By hand, as an auditor would: the list, its model, its training, and every charge for it.
    record = json.loads(members["explanations/1.jsonl"])
    lineage = json.loads(json.loads(members[f"registry/{record['bundle']}.json"])["lineage"])
    events = [json.loads(line)["what"] for line in members["budget/viewers.jsonl"].splitlines()]
    charged = {each["spend"]["statistic"] for each in events if each["kind"] == "spent"}
    assert {each["statistic"] for each in lineage["releases"]} == charged == {"item-counts", "item-pairs"}
    assert found["training"] == ("pass", "2 releases behind 1 private bundles lead to their charges in the ledgers")


def other_release(lineage: Any) -> None:
    lineage["releases"][0]["sha256"] = "0" * 64


def cheaper_release(lineage: Any) -> None:
    lineage["releases"][0]["rho"] = "1/1000"


def exchanged_releases(lineage: Any) -> None:
    one, other = lineage["releases"]
    one["statistic"], other["statistic"] = other["statistic"], one["statistic"]


def hidden_release(lineage: Any) -> None:
    lineage["releases"].pop()


def other_budget(lineage: Any) -> None:
    lineage["budget"]["head"] = "0" * 64


def later_budget(lineage: Any) -> None:
    lineage["budget"]["events"] += 1


def no_budget(lineage: Any) -> None:
    lineage["budget"] = None


def other_bundle(lineage: Any) -> None:
    lineage["bundle"] = "0" * 64


PLANTED = (
    *(other_release, cheaper_release, exchanged_releases, hidden_release),
    *(other_budget, later_budget, no_budget, other_bundle),
)


@pytest.mark.parametrize("change", PLANTED)
def test_a_lineage_names_something_else_than_there_was(trained: Trained, change: Callable[[Any], None]) -> None:
    found = told(trained, edited(trained, change))
    assert found["training"][0] == found["registry in the log"][0] == "fail"


def test_an_operator_logs_and_signs_a_lineage_that_names_another_release(trained: Trained) -> None:
    """Nothing was changed since it was logged: what the lineage is held against are the ledgers."""
    row = json.loads(edited(trained, other_release)[f"registry/{trained.bundle}.json"])
    with open_store(trained.unlogged.store) as store:
        with store.writing() as connection:
            connection.execute(update(bundles).values(lineage=row["lineage"]))
        raw = export(trained.unlogged, store, trained.keys, trained.wanted, now=Hands())
    found = told(trained, unpack(raw))
    assert {name for name, (outcome, _) in found.items() if outcome == "fail"} == {"training", "cards"}
    assert "which the lineage" in found["training"][1]


def test_a_bundle_that_was_registered_by_hand_counts_as_traced(trained: Trained) -> None:
    found = told(trained, edited(trained, lambda lineage: lineage.clear()))
    assert found["training"][0] == "nothing"
    assert found["training"][1].startswith("0 releases")
    assert "ends at 1 registered by hand" in found["training"][1]
