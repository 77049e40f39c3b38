"""Leader and helper as two programs that are killed while devices report, drop out and say things twice."""

import os
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.report import report_size
from homespun.protocol.collection.shares import ShareForm
from homespun_server import FitOptions
from homespun_server.cli import main
from homespun_server.collection.collecting import Collector
from homespun_server.learning.collected import first_round
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.publishing.tasks import TaskRequest, make_task
from homespun_server.simulation.fleet import devices_of
from homespun_server.simulation.memory import Moved
from homespun_server.simulation.rounds import Took
from homespun_server.simulation.services import services
from homespun_server.simulation.uploading import Mishaps, Uploading
from homespun_server.statistics.cohort import Cohort
from tests.server.learning.support import ITEMS, silent, table_of, walkers
from tests.server.support import catalogue

PEOPLE = 40
EPSILON = Decimal(2000)
"""So little noise that a report more or less shows."""


def test_reports_are_lost_or_counted_twice_when_a_side_is_killed(tmp_path: Path) -> None:
    private = X25519PrivateKey.generate()
    ledger = BudgetLedger(MemoryLog(), "fleet")
    ledger.open(BudgetPolicy())
    now, asked = int(time.time()), first_round(catalogue(ITEMS).ids, FitOptions(), 1000)
    with table_of(tmp_path, walkers(PEOPLE)) as interactions, services(tmp_path / "services") as running:
        leader, helper = running.aggregators()
        task = make_task(
            TaskRequest(
                name="item-counts",
                statistic=asked.statistic,
                text="how many people like each item",
                epsilon=EPSILON,
                delta=Decimal("0.000001"),
                opens=now - 3600,
                days=1,
                minimum_batch=10,
                delay_hours=0,
                leader=leader,
                helper=helper,
                collector=private.public_key().public_bytes_raw().hex(),
                development=True,
            )
        )
        devices = list(devices_of(interactions, Cohort.everybody(), os.urandom(32)))
        assert len(devices) == PEOPLE
        mishaps = Mishaps(crashes=2, dropouts=0.1, again=0.5)
        moved = Moved()
        uploading = Uploading(running, mishaps, now, moved, Took(), silent)
        found = Collector(private, ledger, tmp_path / "releases").collect(
            task, lambda of: uploading(of, asked, devices)
        )
        kills = running.kills
    staying = devices[: PEOPLE - 4]
    exact = np.sum([device.vector(task, asked.ids) for device in staying], axis=0)
    least = min(int(device.vector(task, asked.ids).max()) for device in staying)
    assert kills == 2
    assert found.about.count == len(staying) == moved.reports
    # What was said twice was sent twice, and counted once.
    assert moved.uploaded > len(staying) * report_size(ShareForm.of(task.statistic))
    assert np.abs(found.release.values - exact).max() < min(8 * found.release.sigma, least)


def test_mishaps_are_asked_for_where_nothing_can_go_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--crashes", "1"]) == 1
    assert "--http" in capsys.readouterr().err
