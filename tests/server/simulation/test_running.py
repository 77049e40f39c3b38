"""A small fleet, in process: what would make a simulation say something else than what was done."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import homespun as hs
from homespun.protocol.bundle import CARD_DATA
from homespun_server import FitOptions
from homespun_server.errors import AggregationError
from homespun_server.publishing.card import read_card
from homespun_server.publishing.trust import TRUST
from homespun_server.simulation.running import Simulated, Wanted, simulate
from tests.server.learning.support import silent, table_of, walkers

PEOPLE = 120
OPTIONS = FitOptions(
    name="walks", test_share=0.2, max_items=20, max_sequence_items=20, parts=("collaborative", "sequential")
)
WANTED = Wanted(devices=60, epsilon=8.0, options=OPTIONS, minimum_batch=10)


def simulated(folder: Path, wanted: Wanted = WANTED) -> Simulated:
    with table_of(folder, walkers(PEOPLE)) as interactions:
        return simulate(wanted, interactions, folder / "out", silent)


def test_a_round_is_left_out_or_costs_more_than_was_said(tmp_path: Path) -> None:
    found = simulated(tmp_path)
    assert list(found.tasks) == ["item-counts", "transitions", "item-pairs"]
    assert {each.about.count for each in found.tasks.values()} == {found.devices} == {60}
    assert found.moved.reports == 3 * 60
    assert found.moved.uploaded > found.moved.forwarded > 0
    with hs.Bundle.open(found.bundles["from devices"]) as bundle:
        privacy = bundle.privacy
        assert (privacy.unit, privacy.neighbours) == ("installation per task", "zero out one report of each task")
        assert privacy.epsilon is not None
        assert 7.9 < privacy.epsilon <= 8
        assert {entry.mechanism for entry in privacy.releases} == {"discrete-gaussian-each"}
        assert sum(entry.rho or 0 for entry in privacy.releases) <= (privacy.rho or 0) * Decimal("1.001")
    with hs.Bundle.open(found.bundles["from the table"]) as bundle:
        assert bundle.privacy.unit == "user"
    assert [row.model for row in found.quality.rows][-2:] == ["from devices", "from the table"]


def test_a_card_does_not_say_what_it_rests_on(tmp_path: Path) -> None:
    found = simulated(tmp_path)
    card = read_card((found.bundles["from devices"] / CARD_DATA).read_bytes())
    assert card.trust == TRUST
    assert TRUST in card.privacy.statement
    assert any("item-counts: 60" in note for note in card.privacy_notes)
    assert any(note.startswith("DEVELOPMENT") for note in card.privacy_notes)
    assert read_card((found.bundles["from the table"] / CARD_DATA).read_bytes()).trust == ""


def test_a_fleet_below_the_minimum_is_collected(tmp_path: Path) -> None:
    with pytest.raises(AggregationError, match="below the minimum"):
        simulated(tmp_path, replace(WANTED, minimum_batch=61))
    assert not (tmp_path / "out").exists()
