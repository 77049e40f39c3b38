"""What the channel signs does not run here, or what it no longer signs does."""

from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import EXPERIMENTS
from homespun.measure.experiments import Experiments
from homespun.protocol.experiment import encode_experiment
from tests.sdk.measure.support import everybody_control, everybody_fresh, measuring, person
from tests.sdk.people import Machine

FRESH = everybody_fresh()
SEED = b"0123456789abcdef"


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_what_the_channel_publishes_later_does_not_run(machine: Machine) -> None:
    published: dict[str, bytes] = {}
    with person(machine) as me:
        found = Experiments(me._home, lambda: SEED, lambda: published)
        assert found.running() == []
        published[FRESH.digest] = encode_experiment(FRESH)
        assert [each.name for each in found.running()] == ["fresh-home"]
        other = everybody_control(name="another")
        published.clear()
        published[other.digest] = encode_experiment(other)
        assert [each.name for each in found.running()] == ["another"]
        published.clear()
        assert found.running() == []


def test_an_experiment_is_stopped_before_the_channel_was_asked_again(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        me.recommend(3)
        found = Experiments(me._home, lambda: SEED, lambda: None)
        assert [each.name for each in found.running()] == ["fresh-home"]
        stopped = Experiments(me._home, lambda: SEED, dict)
        assert stopped.running() == []
        assert found.running() != [], "another process learns of it when it asks"
        assert me._home.kept(EXPERIMENTS) == {}


def test_one_definition_that_cannot_be_read_keeps_the_others_from_running(machine: Machine) -> None:
    published = {FRESH.digest: encode_experiment(FRESH), "0" * 64: b'{"schema":2}'}
    with person(machine) as me:
        found = Experiments(me._home, lambda: SEED, lambda: published)
        assert [each.name for each in found.running()] == ["fresh-home"]


def test_no_secret_means_the_first_variant(machine: Machine) -> None:
    with person(machine) as me:
        found = Experiments(me._home, lambda: None)
        found.use([FRESH])
        assert found.running() == []


def test_counts_that_were_changed_outside_are_taken_for_true(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        me._home.keep(EXPERIMENTS, f"outcomes {FRESH.digest}", b'{"variant": 5}')
        assert me.experiments.running()[0].met is None
        assert not me.experiments.vector_of(measuring(FRESH)).any()
