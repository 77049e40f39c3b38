"""A protocol lets training see what is predicted, predicts from the future, or says another thing than it does."""

from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun_server.errors import DataError, OutputError
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.dividing import SPLIT_FILE, TRAINING_FILE, divide, read_split, target_condition
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.protocols import (
    ColdItems,
    EvaluationProtocol,
    GlobalTemporal,
    LeaveLastOut,
    Liked,
    StrongGeneralization,
    is_hidden,
)
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.interactions import Interactions
from tests.server.evaluation.support import ITEMS, by_user, divided, key, random_rows
from tests.server.support import Row, likes_of, share_of_hash, write_table

ANY_TABLE = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PROTOCOLS = (
    StrongGeneralization(test_share=0.5),
    LeaveLastOut(repeats=True),
    LeaveLastOut(test_share=0.5),
    GlobalTemporal(train_share=0.6, repeats=True),
    GlobalTemporal(begin=20.0),
    GlobalTemporal(begin=20.0, first_only=True),
    ColdItems(test_share=0.5, hidden_share=0.4),
)


def liked(row: Row) -> bool:
    return row.kind != "dismiss"


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: f"{protocol.name}-{protocol.repeats}")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_test_event_reaches_training(protocol: EvaluationProtocol, seed: int, tmp_path: Path) -> None:
    rows = random_rows(seed)
    with divided(tmp_path, rows, protocol) as (split, training, cases):
        assert cases
        assert split.protocol == protocol.name
        left = Counter(map(key, rows))
        left.subtract(training)
        assert min(left.values()) == 0  # nothing trains that was not there, or more often
        for case in cases:
            if protocol.rolling:
                (item,) = case.relevant
                event = (case.user, item, case.now)
                assert left[event] > 0
                left[event] -= 1  # each target is another row
            else:
                assert all(user != case.user for user, _, _ in training)
        if protocol.hidden_share is not None:
            assert not any(is_hidden(item, protocol.hidden_share) for _, item, _ in training)


@ANY_TABLE
@given(seed=st.integers(0, 2**32), repeats=st.booleans())
def test_the_last_event_is_another(seed: int, repeats: bool, tmp_path_factory: pytest.TempPathFactory) -> None:  # noqa: FBT001
    rows = random_rows(seed)
    expected, left_out = {}, Counter[str]()
    for user, own in by_user(rows).items():
        *past, last = own
        if not past:
            left_out["users with fewer events than asked for"] += 1
        elif not liked(last):
            left_out["last events that speak against their item"] += 1
        elif last.item in {row.item for row in past} and not repeats:
            left_out["last events with an item that was seen before"] += 1
        else:
            expected[user] = (last.item, last.time, [(row.item, row.time, row.weight, row.kind) for row in past])
    with divided(tmp_path_factory.mktemp("last"), rows, LeaveLastOut(repeats=repeats)) as (split, training, cases):
        found = {case.user: (*case.relevant, case.now, events_of(case)) for case in cases}
        assert found == expected
        assert split.left_out == left_out
        assert len(training) == len(rows) - len(cases)


def events_of(case: Case) -> list[tuple[object, ...]]:
    return [(event.item, event.time, event.weight, event.kind) for event in case.events]


@ANY_TABLE
@given(seed=st.integers(0, 2**32), repeats=st.booleans())
def test_a_later_event_is_known_before_it_happens(
    seed: int,
    repeats: bool,  # noqa: FBT001
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = random_rows(seed)
    begin = sorted(row.time for row in rows if row.time is not None)[len(rows) // 2]
    expected = []
    for user, own in sorted(by_user(rows).items()):
        for place, row in enumerate(own):
            later = row.time is not None and row.time >= begin
            known = [(past.item, past.time, past.weight, past.kind) for past in own[:place]]
            if later and liked(row) and (repeats or row.item not in {item for item, *_ in known}):
                expected.append((user, row.item, row.time, known))
    protocol = GlobalTemporal(begin=begin, repeats=repeats)
    with divided(tmp_path_factory.mktemp("later"), rows, protocol) as (split, training, cases):
        assert [(case.user, *case.relevant, case.now, events_of(case)) for case in cases] == expected
        assert split.begin == begin
        assert all(time is None or time < begin for _, _, time in training)
        assert len(training) == sum(row.time is None or row.time < begin for row in rows)


def test_an_item_seen_before_is_a_case_with_repeats_out(tmp_path: Path) -> None:
    times = enumerate(["item-0", "item-1", "item-0", "item-2", "item-2"])
    rows = [Row("somebody", item, float(time)) for time, item in times]
    with divided(tmp_path, rows, GlobalTemporal(begin=2.0)) as (split, _, cases):
        assert [set(case.relevant) for case in cases] == [{"item-2"}]
        assert split.left_out == {"later events with an item that was seen before": 2}
        assert "are no cases" in split.text


def test_a_share_of_the_events_is_another_time(tmp_path: Path) -> None:
    rows = [Row(f"user-{time % 3}", f"item-{time % 12}", float(time)) for time in range(100)]
    with divided(tmp_path, rows, GlobalTemporal(train_share=0.9, repeats=True)) as (split, training, cases):
        assert (split.begin, len(training), len(cases)) == (90.0 - 1, 89, 11)
        assert "1970-01-01 00:01:29 UTC" in split.text


def test_somebody_without_a_past_is_left_out(tmp_path: Path) -> None:
    rows = [Row("old", "item-0", 0.0), Row("new", "item-1", 5.0), Row("new", "item-2", 6.0)]
    with divided(tmp_path, rows, GlobalTemporal(begin=5.0)) as (_, _, cases):
        assert [(case.user, len(case.events)) for case in cases] == [("new", 0), ("new", 1)]


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_users_kept_aside_differ_from_those_of_a_fit(share: float, tmp_path: Path) -> None:
    rows = random_rows(3, users=60)
    with divided(tmp_path, rows, StrongGeneralization(test_share=share)) as (_, training, cases):
        aside = {row.user for row in rows if share_of_hash(f"homespun-split-1:{row.user}") < share}
        assert {user for user, _, _ in training} == {row.user for row in rows} - aside
        assert {case.user for case in cases} <= aside


def test_strong_generalization_differs_from_that_of_a_fit(tmp_path: Path) -> None:
    rows = random_rows(4, users=80, events=20)
    (tmp_path / "fit").mkdir()
    protocol = StrongGeneralization(test_share=0.5, liked=Liked(min_weight=3.0))
    with likes_of(tmp_path / "fit", rows, ITEMS, min_weight=3.0, test_share=0.5) as likes:
        with closing(likes.test_users()) as users:
            expected = {user.user: (set(user.fold_in), set(user.held_out)) for user in users}
        of_fit = list(Cases(HeldOut.of_likes(likes), rolling=False))
    with divided(tmp_path, rows, protocol) as (_, _, cases):
        assert cases == of_fit
        assert {case.user: (set(case.seen), set(case.relevant)) for case in cases} == expected
        assert len(expected) > 10
    times = [[event.time or -1 for event in case.events] for case in of_fit]
    assert all(own == sorted(own) for own in times)


def test_a_cold_item_is_shown_to_the_model(tmp_path: Path) -> None:
    rows = random_rows(5, users=60, events=20)
    with divided(tmp_path, rows, ColdItems(test_share=0.5, hidden_share=0.4)) as (_, training, cases):
        hidden = {item for item in ITEMS.ids if share_of_hash(f"homespun-hide-1:{item}") < 0.4}
        assert {item for item in ITEMS.ids if is_hidden(item, 0.4)} == hidden != set()
        assert hidden.isdisjoint(item for _, item, _ in training)
        assert len(cases) > 10
        for case in cases:
            assert case.relevant <= hidden
            assert hidden.isdisjoint(case.seen)
            assert case.seen


@pytest.mark.parametrize(
    ("full", "sampled"),
    [
        (GlobalTemporal(begin=20.0), GlobalTemporal(begin=20.0, max_users=4)),
        (LeaveLastOut(), LeaveLastOut(max_users=4)),
        (StrongGeneralization(0.9), StrongGeneralization(0.9, max_users=4)),
        (ColdItems(0.9, 0.5), ColdItems(0.9, 0.5, max_users=4)),
    ],
)
def test_a_sample_is_another_in_every_run(
    full: EvaluationProtocol, sampled: EvaluationProtocol, tmp_path: Path
) -> None:
    rows = random_rows(6, users=40, events=14)
    with divided(tmp_path, rows, full) as (_, training, cases):
        users = {case.user for case in cases}
        first = sorted(users, key=lambda user: share_of_hash(f"homespun-sample-1:{user}"))[:4]
        expected = [case for case in cases if case.user in first]
    with divided(tmp_path, rows, sampled) as (split, fewer, chosen):
        assert len(users) > 4
        assert {case.user for case in chosen} == set(first)
        assert Counter(fewer) == Counter(training)  # whom is looked at changes nothing of what trains
        assert "at most 4 users" in split.text
        assert len(chosen) == len(expected)


def test_somebody_has_more_cases_than_allowed(tmp_path: Path) -> None:
    rows = random_rows(7, users=10, events=30)
    with divided(tmp_path, rows, GlobalTemporal(begin=10.0, repeats=True)) as (_, _, everything):
        pass
    with divided(tmp_path, rows, GlobalTemporal(begin=10.0, repeats=True, max_cases_per_user=2)) as (_, _, cases):
        counts = Counter(case.user for case in cases)
        assert counts == {user: min(2, n) for user, n in Counter(case.user for case in everything).items()}
        assert all(case in everything for case in cases)


def test_a_later_case_than_somebodys_first_counts(tmp_path: Path) -> None:
    rows = [Row("ada", f"item-{item}", float(time), 5.0, "view") for time, item in enumerate((0, 1, 0, 2, 3), start=8)]
    with divided(tmp_path, rows, GlobalTemporal(begin=10.0, first_only=True)) as (split, _, cases):
        # item-0 was seen before.
        assert [(case.relevant, case.now) for case in cases] == [(frozenset({"item-2"}), 11.0)]
        assert [event.item for event in cases[0].events] == ["item-0", "item-1", "item-0"]
        assert "first case" in split.text


def test_circumstances_are_lost(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text('user,item,time,odd "name"\na,item-1,1,tv\na,item-2,2,\na,item-3,3,phone\n', encoding="utf-8")
    columns = InteractionColumns(context=('odd "name"',))
    with Interactions.read(table, columns, items=ITEMS) as interactions:
        split = divide(interactions, LeaveLastOut(), tmp_path / "split").for_the_operator()
    held_out = Interactions.read(
        tmp_path / "split/held-out.parquet", split.interaction_columns(held_out=True), items=ITEMS
    )
    with held_out:
        (case,) = Cases(HeldOut(held_out, target_condition(held_out)), rolling=True)
    assert case.context == {'odd "name"': "phone"}
    assert [dict(event.context or {}).get('odd "name"') for event in case.events] == ["tv", None]


def test_a_split_of_the_training_part_reaches_into_the_test(tmp_path: Path) -> None:
    """A validation split is the same protocol on what trains."""
    rows = [Row(f"user-{time % 5}", f"item-{time % 12}", float(time)) for time in range(200)]
    with Interactions.read(write_table(tmp_path / "t.csv", rows), items=ITEMS) as interactions:
        divide(interactions, GlobalTemporal(repeats=True), tmp_path / "test")
    with Interactions.read(tmp_path / "test" / TRAINING_FILE, items=ITEMS) as training:
        inner = divide(training, GlobalTemporal(repeats=True), tmp_path / "validation").for_the_operator()
    outer = read_split(tmp_path / "test")
    assert inner.begin is not None
    assert outer.begin is not None
    assert inner.begin < outer.begin
    with Interactions.read(tmp_path / "validation" / "held-out.parquet", items=ITEMS) as held_out:
        ((last,),) = held_out.connection.execute("SELECT max(time) FROM interactions").fetchall()
    assert last < outer.begin


@pytest.mark.parametrize(
    ("protocol", "problem"),
    [
        (GlobalTemporal(begin=1e9), "one side would be empty"),
        (GlobalTemporal(begin=-1.0), "one side would be empty"),
    ],
)
def test_a_side_is_empty(protocol: GlobalTemporal, problem: str, tmp_path: Path) -> None:
    with (
        Interactions.read(write_table(tmp_path / "t.csv", random_rows(8)), items=ITEMS) as interactions,
        pytest.raises(MisuseError, match=problem),
    ):
        divide(interactions, protocol, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_times_are_made_up(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", [Row("a", "item-1"), Row("a", "item-2")])
    with (
        Interactions.read(table, items=ITEMS) as interactions,
        pytest.raises(MisuseError, match="no event has a time"),
    ):
        divide(interactions, GlobalTemporal(), tmp_path / "split")


def test_nothing_is_predicted(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", [Row("a", "item-1", 1.0), Row("b", "item-2", 2.0)])
    with (
        Interactions.read(table, items=ITEMS) as interactions,
        pytest.raises(DataError, match="no event is to be predicted"),
    ):
        divide(interactions, LeaveLastOut(), tmp_path / "split")


@pytest.mark.parametrize(
    "make",
    [
        lambda: LeaveLastOut(least_events=1),
        lambda: GlobalTemporal(train_share=1.0),
        lambda: GlobalTemporal(max_cases_per_user=0),
        lambda: GlobalTemporal(max_cases_per_user=2, first_only=True),
        lambda: GlobalTemporal().query(),
        lambda: LeaveLastOut(max_users=0).query(),
        lambda: StrongGeneralization(test_share=0.0).query(),
        lambda: StrongGeneralization(test_share=1.0).query(),
    ],
)
def test_a_setting_that_means_nothing_is_taken(make: object) -> None:
    assert callable(make)
    with pytest.raises(MisuseError):
        make()


def test_somebody_elses_tables_are_replaced(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", random_rows(9))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / TRAINING_FILE).write_bytes(b"mine")
    with Interactions.read(table, items=ITEMS) as interactions, pytest.raises(OutputError, match="somebody else"):
        divide(interactions, LeaveLastOut(), tmp_path / "out")
    assert (tmp_path / "out" / TRAINING_FILE).read_bytes() == b"mine"


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"schema": 2}'])
def test_something_else_is_read_as_a_split(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / SPLIT_FILE).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a split"):
        read_split(tmp_path)


def test_how_it_was_divided_is_forgotten(tmp_path: Path) -> None:
    with divided(tmp_path, random_rows(10), LeaveLastOut(liked=Liked(3.0, ("dismiss", "hide")))) as (split, _, _):
        assert read_split(tmp_path / "split") == split
        assert (split.min_weight, split.negative_kinds) == (3.0, ("dismiss", "hide"))
        assert split.liked == Liked(3.0, ("dismiss", "hide"))
        assert msgspec.json.decode((tmp_path / "split" / SPLIT_FILE).read_bytes())["schema"] == 1
