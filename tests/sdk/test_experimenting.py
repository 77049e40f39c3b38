"""From the channel's definition to the sum: what devices report of an experiment is not what they counted."""

from pathlib import Path

import numpy as np
import pytest

import homespun as hs
from homespun.consent.parts import EXPERIMENTS
from homespun.protocol.experiment import encode_experiment, statistic_of
from homespun.protocol.statistics.encoding import encode_variants
from homespun.protocol.statistics.variants import Variants
from tests.sdk.asking import NOW, Fleet, asked
from tests.sdk.measure.support import NAMES, turned, variants
from tests.sdk.people import BOTH, CONTRIBUTION, MEASUREMENT

SENDING = (*BOTH, CONTRIBUTION, MEASUREMENT)
"""Counting needs one purpose, sending another one beside it."""

STARTS = int(NOW) - int(NOW) % 86_400
HALVES = turned({"variants": variants(5_000, 5_000), "starts": STARTS, "ends": STARTS + 7 * 86_400})


@pytest.fixture
def fleet(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Fleet:
    return Fleet(tmp_path, bundle, bundle_folder)


def hooked(me: hs.Personalizer) -> hs.Personalizer:
    """Have the rig's own contributing measure, as ``Personalizer`` has its own do."""
    me.contributions.vector_of = me.experiments.vector_of
    me.contributions.settle = me.experiments.settle
    me.experiments._definitions._published = me.contributions.experiments
    return me


def lives(me: hs.Personalizer, lists: int) -> tuple[int | None, list[int]]:
    """Look at some lists, choose the first item of each, and return what is counted."""
    for _ in range(lists):
        made = me.recommend(5)
        me.record(made[0].item)
    (running,) = me.experiments.running()
    if running.met is None:
        return None, []
    names = [variant.name for variant in HALVES.variants]
    return names.index(running.variant), [running.counted[name] for name in NAMES]


def test_a_sum_of_reports_differs_from_what_was_counted(fleet: Fleet) -> None:
    definition = encode_experiment(HALVES)
    fleet.ask(experiments=(definition,))
    expected = np.zeros(statistic_of(HALVES).size, np.int64)
    task = asked(statistic_of(HALVES), purpose="measurement", experiment=HALVES.digest)
    people = [hooked(fleet.device(f"device-{number}").allowed(*SENDING)) for number in range(5)]
    for number, me in enumerate(people):
        assert me.contributions.sync().problem is None
        expected += encode_variants(task.statistic, *lives(me, number))
    fleet.ask(task, experiments=(definition,))
    for me in people:
        outcome = me.contributions.sync(force=True)
        assert outcome.problem is None
        assert outcome.queued == (task.name,)
        me.close()
    assert len(fleet.leader.reports(task)) == 5
    assert np.array_equal(fleet.leader.total(task), expected)
    form = task.statistic.transformation
    assert isinstance(form, Variants)
    met = expected.reshape(task.statistic.shape)[:, 0] // form.unit(task.statistic.l2_bound)
    assert met.sum() == 4


def test_an_experiment_that_the_channel_withdrew_goes_on(fleet: Fleet) -> None:
    fleet.ask(experiments=(encode_experiment(HALVES),))
    with hooked(fleet.device().allowed(*BOTH, MEASUREMENT)) as me:
        me.contributions.sync()
        me.recommend(3)
        assert [each.name for each in me.experiments.running()] == [HALVES.name]
        fleet.ask()
        me.contributions.sync(force=True)
        assert me.experiments.running() == []


def test_an_experiment_that_the_channel_withdrew_goes_on_with_the_next_start(fleet: Fleet) -> None:
    fleet.ask(experiments=(encode_experiment(HALVES),))
    device = fleet.device()
    with hooked(device.allowed(*BOTH, MEASUREMENT)) as me:
        me.contributions.sync()
        me.recommend(3)
        assert me.experiments.running()[0].met is not None
        fleet.ask()
        me.contributions.sync(force=True)
    with hooked(device.open()) as again:
        assert again.experiments.running() == []
        assert again.explain(again.recommend(3)[0]).experiment == ""


def test_a_kill_right_after_the_look_revives_what_the_channel_withdrew(fleet: Fleet) -> None:
    fleet.ask(experiments=(encode_experiment(HALVES),))
    with hooked(fleet.device().allowed(*BOTH, MEASUREMENT)) as me:
        me.contributions.sync()
        me.recommend(3)
        assert me._home.kept(EXPERIMENTS)
        fleet.ask()
        me.contributions.sync(force=True)
        assert not me._home.kept(EXPERIMENTS)


@pytest.mark.parametrize("purposes", [(*BOTH, CONTRIBUTION), (*BOTH, MEASUREMENT)], ids=["no count", "no report"])
def test_who_allows_one_of_counting_and_sending_reports(fleet: Fleet, purposes: tuple[hs.Purpose, ...]) -> None:
    task = asked(statistic_of(HALVES), purpose="measurement", experiment=HALVES.digest)
    fleet.ask(task, experiments=(encode_experiment(HALVES),))
    with hooked(fleet.device().allowed(*purposes)) as me:
        assert me.contributions.sync().queued == ()
        assert len(me.experiments.running()) == (MEASUREMENT in purposes)
        me.recommend(3)
        assert me.contributions.sync(force=True).queued == ()
    assert fleet.leader.arrived == []
