"""Something is counted without consent, before the variant was met, of another experiment, or more than its caps."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import homespun as hs
from homespun.consent.parts import EXPERIMENTS, MEETINGS
from homespun.errors import CollectionError, MisuseError, ProfileStorageError
from homespun.profile.vaults import Vaults
from homespun.protocol.experiment import Holdout, Layer, Ratio, Variant, statistic_of, variant_of
from homespun.protocol.experiment.definition import DAY
from homespun.protocol.policy import policy_identity
from homespun.protocol.statistics.encoding import encode_variants
from homespun.updating import seed_of
from tests.sdk.measure.support import (
    BEGAN,
    MEASURES,
    NAMES,
    QUESTION,
    counted,
    everybody_control,
    everybody_fresh,
    measuring,
    person,
    turned,
    variants,
)
from tests.sdk.people import BOTH, EXPLANATION_LOG, MEASUREMENT, STORAGE, Machine, exported, kept, kept_by

FRESH = everybody_fresh()


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


@pytest.fixture
def me(machine: Machine) -> Iterator[hs.Personalizer]:
    with person(machine, FRESH) as opened:
        yield opened


def listed(me: hs.Personalizer, k: int = 5, **asked: Any) -> list[str]:
    return [each.item for each in me.recommend(k, **asked)]


def everything(me: hs.Personalizer) -> None:
    """Do everything that the experiment counts."""
    items = listed(me)
    me.record(items[0])
    me.record("item-1", "buy")
    me.record(items[1], "dismiss")
    me.experiments.shown(items[:3])
    me.experiments.dwell(items[0], 31)
    me.experiments.session(100)
    me.experiments.answer(QUESTION, "yes")


# Lists


def test_a_list_is_made_by_another_policy_than_that_of_the_variant(machine: Machine) -> None:
    with person(machine) as me:
        before = listed(me)
        me.experiments.use([FRESH])
        policy = FRESH.variants[1].rules
        assert policy is not None
        made = me.recommend(5)
        assert [each.item for each in made] != before
        assert me.explain(made[0]).policy == policy_identity(policy)
        me.experiments.use([])
        assert listed(me) == before


def test_the_control_gets_another_list_than_without_an_experiment(machine: Machine) -> None:
    with person(machine) as me:
        before = listed(me)
        me.experiments.use([everybody_control()])
        assert listed(me) == before
        assert counted(me)["impressions"] == 5


def test_a_person_is_not_told_that_a_list_was_made_under_an_experiment(me: hs.Personalizer) -> None:
    told = me.explain(me.recommend(3)[0])
    assert told.experiment == (
        "The list was made under the experiment 'fresh-home', variant 'fresh': Rare films first."
    )
    assert told.experiment in str(told)
    assert json.loads(told.json())["experiment"] == told.experiment
    assert "experiment" not in str(me.explain(me.similar_items("item-1", 3)[0]))
    (running,) = me.experiments.running()
    assert (running.name, running.variant, running.text) == ("fresh-home", "fresh", FRESH.text)


def test_the_policy_of_the_applications_own_code_loses(me: hs.Personalizer) -> None:
    me.policy.use({"schema": 1, "name": "ours"})
    made = me.recommend(5)
    assert me.explain(made[0]).experiment == ""
    assert me.experiments.running()[0].met is None
    me.policy.use(None)
    me.recommend(5)
    assert me.experiments.running()[0].met is not None


def test_an_experiment_acts_on_a_surface_that_it_does_not_name(me: hs.Personalizer) -> None:
    me.similar_items("item-1", 3)
    me.search(["item-1", "item-2"], 2)
    assert me.experiments.running()[0].met is None


def test_a_policy_that_cannot_be_used_here_keeps_only_one_variant_from_being_met(machine: Machine) -> None:
    shelf = '{"schema": 1, "name": "shelf", "surfaces": {"shelf": {"stages": []}}}'
    unusable = Variant(name="fresh", share=1, text="On a shelf.", policy=shelf)
    made = everybody_control(surfaces=("shelf", "home"), variants=(variants(9_999, 1)[0], unusable))
    with person(machine, made) as me:
        me.policy.use(None)
        with pytest.raises(MisuseError, match="no surface 'shelf'"):
            me.recommend(3, surface="shelf")
        assert me.experiments.running()[0].met is None


def test_a_variant_of_a_bundle_is_met_without_that_bundle(machine: Machine, bundle: hs.Bundle) -> None:
    control, fresh = variants(1, 9_999)
    for identity, met in (("a" * 64, False), (bundle.id, True)):
        built = msgspec.structs.replace(fresh, bundle=identity, policy=None)
        other = msgspec.structs.replace(control, bundle="b" * 64)
        with person(machine, everybody_fresh(variants=(other, built))) as me:
            me.recommend(3)
            assert (me.experiments.running()[0].met is not None) is met


def test_two_experiments_make_one_list(machine: Machine) -> None:
    later = everybody_fresh(name="later", starts=FRESH.starts + 1, salt="f" * 32)
    with person(machine, later, FRESH) as me:
        me.recommend(5)
        assert [(each.name, each.met is None) for each in me.experiments.running()] == [
            ("fresh-home", False),
            ("later", True),
        ]


def test_a_device_is_in_a_variant_that_its_secret_does_not_say(machine: Machine) -> None:
    made = turned({"variants": variants(5_000, 5_000), "layer": Layer(name="home", slots=5_000)})
    with person(machine, made) as me:
        seed = seed_of(me._home)
        assert seed is not None
        place = variant_of(made, seed)
        names = [each.variant for each in me.experiments.running()]
        assert names == ([] if place is None else [made.variants[place].name])


def test_a_device_that_is_left_out_meets_a_variant(machine: Machine) -> None:
    with person(machine, everybody_fresh(holdout=Holdout(name="none", share=9_999))) as me:
        me.recommend(3)
        assert me.experiments.running() == []
        assert kept_by(EXPERIMENTS, kept(me)) == 0


# Counting


def test_something_else_is_counted_than_what_was_done(me: hs.Personalizer) -> None:
    everything(me)
    found = counted(me)
    assert found.pop("variety", 0) <= 100
    assert found == {
        "impressions": 5,
        "shown": 3,
        "clicks": 1,
        "bought": 1,
        "hides": 1,
        "long": 1,
        "sessions": 1,
        "content": 1,
    }


def test_what_comes_before_the_variant_is_counted(me: hs.Personalizer, machine: Machine) -> None:
    me.record("item-1")
    me.record("item-1", "buy")
    assert not me.experiments.shown(["item-1"])
    assert not me.experiments.session(100)
    assert not me.experiments.answer(QUESTION, "yes")
    assert me.experiments.questions() == []
    items = listed(me)
    me.record(items[0], time=machine.clock() - 60)
    assert set(counted(me)) <= {"impressions", "variety"}


def test_a_click_on_what_was_in_no_list_is_counted(me: hs.Personalizer) -> None:
    items = set(listed(me))
    other = next(item for item in me.bundle.items if item not in items)
    me.record(other)
    me.experiments.shown([other])
    me.experiments.dwell(other, 31)
    assert set(counted(me)) <= {"impressions", "variety"}


def test_one_person_counts_more_than_the_cap(me: hs.Personalizer) -> None:
    for _ in range(3):
        for item in listed(me):
            me.record(item)
    task = measuring(FRESH)
    vector = me.experiments.vector_of(task)
    values = [counted(me).get(name, 0) for name in NAMES]
    assert counted(me)["clicks"] == 4
    assert np.array_equal(vector, encode_variants(task.statistic, 1, values))
    assert 0 < int(vector @ vector) <= task.statistic.l2_bound**2


def test_the_same_event_is_counted_twice(me: hs.Personalizer) -> None:
    item = listed(me)[0]
    for _ in range(2):
        me.record(item, id="from the server")
        me.record_many([hs.Event(item, id="another")])
    assert counted(me)["clicks"] == 2


def test_two_processes_count_less_than_both_did(machine: Machine) -> None:
    with person(machine, FRESH) as me, person(machine, FRESH) as other:
        for _ in range(3):
            me.recommend(2)
            other.recommend(1)
        assert counted(me)["impressions"] == counted(other)["impressions"] == 9


def test_an_answer_counts_twice_or_is_none(me: hs.Personalizer) -> None:
    me.recommend(3)
    assert [each.question for each in me.experiments.questions()] == [QUESTION]
    with pytest.raises(MisuseError, match="choose from yes, no"):
        me.experiments.answer(QUESTION, "perhaps")
    assert me.experiments.answer(QUESTION, "no")
    assert me.experiments.questions() == []
    me.experiments.answer(QUESTION, "yes")
    assert "content" not in counted(me)
    assert not me.experiments.answer("Another question?", "yes")


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), True, "10", 1e9])
def test_a_length_that_is_none_is_counted(me: hs.Personalizer, seconds: Any) -> None:
    with pytest.raises(MisuseError, match="seconds"):
        me.experiments.session(seconds)
    with pytest.raises(MisuseError, match="seconds"):
        me.experiments.dwell("item-1", seconds)


def test_an_experiment_goes_on_after_its_end(me: hs.Personalizer, machine: Machine) -> None:
    everything(me)
    before = me.experiments.vector_of(measuring(FRESH))
    machine.clock.advance(15 * DAY)
    everything(me)
    assert me.experiments.running() == []
    assert me.explain(me.recommend(1)[0]).experiment == ""
    assert np.array_equal(me.experiments.vector_of(measuring(FRESH)), before)


def test_a_restart_before_the_channel_was_asked_forgets_an_experiment(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        everything(me)
        before = counted(me)
    with machine.open() as again:
        assert counted(again) == before
        again.recommend(5)
        assert counted(again)["impressions"] == 10


def test_what_the_channel_no_longer_names_is_kept(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        everything(me)
        me.experiments.use([everybody_fresh(name="another")])
        assert kept_by(EXPERIMENTS, kept(me)) == 0


# Consent


def refuse(me: hs.Personalizer) -> None:
    me.consent.withdraw(MEASUREMENT)


BLOCKS: dict[str, Callable[[hs.Personalizer], object]] = {
    "no consent": refuse,
    "pause": lambda me: me.controls.pause(),
    "restriction": lambda me: me.controls.restrict(),
    "objection": lambda me: me.controls.object(),
    "leaving": lambda me: me.experiments.leave(),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_something_is_counted_although_it_may_not_be(machine: Machine, block: str) -> None:
    with person(machine, FRESH) as me:
        BLOCKS[block](me)
        assert me.explain(me.recommend(3)[0]).experiment == ""
        everything(me)
        assert me.experiments.running() == []
        assert kept_by(EXPERIMENTS, kept(me)) == (1 if block == "leaving" else 0)
        assert not me.experiments.vector_of(measuring(FRESH)).any()


@pytest.mark.parametrize("purposes", [(), (STORAGE,), BOTH, (MEASUREMENT,)], ids=str)
def test_something_is_kept_of_who_allowed_less(machine: Machine, purposes: tuple[hs.Purpose, ...]) -> None:
    with machine.allowed(*purposes) as me:
        me.experiments.use([FRESH])
        everything(me)
        assert me.experiments.running() == []
        assert kept_by(EXPERIMENTS, kept(me)) == 0
        assert not me.experiments.vector_of(measuring(FRESH)).any()


def test_a_private_session_is_counted(me: hs.Personalizer) -> None:
    with me.controls.private_session():
        everything(me)
        assert me.experiments.running() == []
    assert me.experiments.running()[0].met is None


def test_measurement_without_personalization_counts_nothing(machine: Machine) -> None:
    with machine.allowed(STORAGE, MEASUREMENT) as me:
        me.experiments.use([FRESH])
        item = listed(me)[0]
        assert not me.record(item)
        assert counted(me)["clicks"] == 1


def test_withdrawing_leaves_what_was_counted(me: hs.Personalizer) -> None:
    everything(me)
    assert kept_by(EXPERIMENTS, kept(me)) == 2
    withdrawal = me.consent.withdraw(MEASUREMENT)
    assert "experiments" in {effect.part for effect in withdrawal.effects}
    assert kept_by(EXPERIMENTS, kept(me)) == 0
    me.consent.grant(MEASUREMENT, notice=hs.Notice("Again?"))
    assert me.experiments.running()[0].met is None


def test_leaving_lasts_until_the_next_start_only(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        everything(me)
        me.experiments.leave()
        assert kept_by(EXPERIMENTS, kept(me)) == 1
    with person(machine, FRESH) as again:
        assert again.experiments.running() == []
        again.experiments.join()
        assert len(again.experiments.running()) == 1


def test_erasing_an_item_leaves_it_among_what_was_listed(me: hs.Personalizer, machine: Machine) -> None:
    items = listed(me)
    me.record(items[0])
    me.erase(item=items[0])
    values = me._home.kept(EXPERIMENTS).values()
    assert all(items[0].encode() + b'"' not in value for value in values)
    assert me.experiments.running()[0].met is None


def granted_anew(me: hs.Personalizer, _: str) -> None:
    me.consent.withdraw(MEASUREMENT)
    me.consent.grant(MEASUREMENT, notice=hs.Notice("Again?"))


def joined_anew(me: hs.Personalizer, _: str) -> None:
    me.experiments.leave()
    me.experiments.join()


ENDINGS: dict[str, Callable[[hs.Personalizer, str], object]] = {
    "an item is erased": lambda me, item: me.erase(item=item),
    "consent is granted anew": granted_anew,
    "left and joined": joined_anew,
    "the log is of another version": lambda me, _: broken(me),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_newcomer_is_one_in_two_windows(machine: Machine, ending: str) -> None:
    with person(machine, FRESH) as me:
        item = listed(me)[0]
        me.record(item)
        ENDINGS[ending](me, item)
        machine.clock.advance(2 * DAY)
        me.recommend(5)
        assert counted(me)["impressions"] == 5
        later = measuring(FRESH, events_from=BEGAN + 2 * DAY, events_until=BEGAN + 4 * DAY)
        assert not me.experiments.vector_of(later).any()
        first = measuring(FRESH, events_from=BEGAN, events_until=BEGAN + 2 * DAY)
        assert me.experiments.vector_of(first).reshape(2, -1)[:, 0].tolist() != [0, 0]


def test_a_day_of_meeting_tells_what_was_done_or_by_which_variant(me: hs.Personalizer) -> None:
    everything(me)
    assert me._home.kept(MEETINGS) == {
        FRESH.digest: b'{"day":%d,"ends":%d}' % (BEGAN // DAY, FRESH.ends),
    }


def test_a_day_of_meeting_outlives_its_experiment(machine: Machine) -> None:
    later = everybody_fresh(name="later", starts=FRESH.ends, ends=FRESH.ends + 7 * DAY)
    with person(machine, FRESH) as me:
        me.recommend(3)
        machine.clock.advance(15 * DAY)
        me.experiments.use([later])
        me.recommend(3)
        assert set(me._home.kept(MEETINGS)) == {later.digest}


def test_a_day_of_meeting_that_cannot_be_read_makes_a_newcomer(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        me._home.keep(MEETINGS, FRESH.digest, b"of a later version")
        me.recommend(3)
        assert not me.experiments.vector_of(measuring(FRESH, events_from=BEGAN)).any()


# What goes wrong


def broken(me: hs.Personalizer) -> None:
    """Have the counts be of a version that is not known here."""
    me.recommend(1)
    name = f"outcomes {FRESH.digest}"
    log = json.loads(me._home.kept(EXPERIMENTS)[name])
    me._home.keep(EXPERIMENTS, name, json.dumps(log | {"schema": 2}).encode())


def test_counts_that_cannot_be_read_break_lists_and_events(me: hs.Personalizer) -> None:
    broken(me)
    assert me.experiments.running()[0].met is None
    assert not me.experiments.vector_of(measuring(FRESH)).any()
    assert me.record("item-1")
    assert not me.experiments.session(100)
    assert len(me.events()) == 1
    assert len(me.recommend(5)) == 5
    assert counted(me)["impressions"] == 5


@pytest.mark.parametrize("failing", ["kept", "rekeep"])
def test_a_disk_that_refuses_a_count_takes_list_and_event_along(
    me: hs.Personalizer, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    me.recommend(5)
    before = counted(me)

    def refuse(*_: object, **__: object) -> None:
        raise ProfileStorageError("the disk is full")

    assert me.experiments.problem == ""
    with monkeypatch.context() as patched:
        patched.setattr(me._home, failing, refuse)
        assert len(me.recommend(5)) == 5
        assert me.record("item-1", "buy")
        assert me.record_many([hs.Event("item-2", "buy")]) == 1
    assert me.experiments.problem == "ProfileStorageError: the disk is full"
    assert [event.item for event in me.events()] == ["item-1", "item-2"]
    assert counted(me) == before


def test_lists_and_events_cost_transactions_that_count_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    opened = Vaults.writing_state

    def watched(self: Vaults, *args: Any) -> Any:
        written.append("state")
        return opened(self, *args)

    monkeypatch.setattr(Vaults, "writing_state", watched)
    with person(machine) as me:
        for definitions, expected in (([], 0), ([FRESH], 2)):
            me.experiments.use(definitions)
            written.clear()
            me.record("item-1")
            assert written == []
            me.recommend(5)
            written.clear()
            me.recommend(5)
            me.record("item-1")
            assert len(written) == expected


def test_erasing_something_undoes_leaving(me: hs.Personalizer) -> None:
    me.experiments.leave()
    me.record("item-3")
    me.erase(item="item-3")
    assert me.experiments.running() == []


def test_an_export_hides_what_was_counted(me: hs.Personalizer, tmp_path: Path) -> None:
    everything(me)
    rows = {row["name"]: json.loads(b64decode(row["value"])) for row in exported(me, tmp_path / "e.zip")["experiments"]}
    assert set(rows) == {f"definition {FRESH.digest}", f"outcomes {FRESH.digest}"}
    assert rows[f"outcomes {FRESH.digest}"]["variant"] == "fresh"


def test_a_record_of_a_decision_names_another_policy(machine: Machine) -> None:
    with person(machine, FRESH) as me:
        me.consent.grant(EXPLANATION_LOG, notice=hs.Notice("Keep why?"))
        me.recommend(3)
        policy = FRESH.variants[1].rules
        assert policy is not None
        assert me.decisions[-1].policy == policy_identity(policy)


# Tasks


def test_what_the_channel_asks_for_is_not_what_is_counted(me: hs.Personalizer) -> None:
    assert me.contributions.vector_of == me.experiments.vector_of


def test_a_task_gets_what_its_definition_does_not_say(me: hs.Personalizer) -> None:
    everything(me)
    with pytest.raises(CollectionError, match="not published"):
        me.experiments.vector_of(measuring(everybody_fresh(name="unknown")))
    other = everybody_fresh(
        metrics=(*FRESH.metrics, Ratio(name="hide-rate", above="hides", below="impressions", good="less"))
    )
    asked = measuring(FRESH)
    more = msgspec.structs.replace(asked, statistic=statistic_of(other))
    with pytest.raises(CollectionError, match="other sums"):
        me.experiments.vector_of(more)


def test_who_met_no_variant_is_told_from_the_others_by_silence(me: hs.Personalizer) -> None:
    vector = me.experiments.vector_of(measuring(FRESH))
    assert vector.shape == (statistic_of(FRESH).size,)
    assert vector.dtype == np.int64
    assert not vector.any()


@pytest.mark.parametrize(
    ("windows", "first", "second"),
    [("newcomers", {"impressions": 5}, {}), ("everybody", {"impressions": 5}, {"impressions": 3})],
)
def test_a_window_counts_what_another_window_does(
    machine: Machine, windows: Any, first: dict[str, int], second: dict[str, int]
) -> None:
    measures = tuple(each for each in MEASURES if each.name in {"impressions", "clicks", "hides", "bought"})
    made = everybody_fresh(windows=windows, measures=measures, survey=None)
    with person(machine, made) as me:
        me.recommend(5)
        machine.clock.advance(DAY)
        me.recommend(3)
        names = [measure.name for measure in measures]
        for day, expected in enumerate((first, second, {})):
            since = made.starts + day * DAY
            task = measuring(made, events_from=since, events_until=since + DAY)
            values = [expected.get(name, 0) for name in names]
            variant = 1 if expected or windows == "everybody" else None
            assert np.array_equal(me.experiments.vector_of(task), encode_variants(task.statistic, variant, values))


def test_what_is_no_experiment_runs(me: hs.Personalizer) -> None:
    with pytest.raises(MisuseError, match="parse_experiment"):
        me.experiments.use([b"{}"])  # type: ignore[list-item]
