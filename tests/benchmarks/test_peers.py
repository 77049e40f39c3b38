"""What would let a peer win or lose by anything but its model."""

import ast
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.peers import running
from benchmarks.peers.runner.cases import Case, read_cases
from benchmarks.peers.runner.catalogue import PEERS
from benchmarks.peers.runner.events import Events, binary
from benchmarks.peers.runner.popularity import DAY, Popularity, RecentPopularity, SameForAll
from benchmarks.peers.runner.ranking import Scorer, best, mean_ndcg, recommend
from benchmarks.peers.runner.tuning import Allowance, Peer, Setting, Trial, UnsuitableDataError, best_of, tune
from benchmarks.peers.split import PeerCase, write_split
from benchmarks.workspace import BenchmarkError

ROWS = [
    ("ada", "tea", 20.0, 2, 1.0),
    ("ada", "milk", 10.0, 1, 1.0),
    ("bob", "tea", 30.0, 1, 1.0),
    ("bob", "jam", 40.0, 2, 5.0),
    ("bob", "jam", 50.0, 3, 5.0),
]


def events_table(rows: list[tuple] = ROWS) -> pa.Table:
    names = ("user", "item", "time", "pos", "weight")
    return pa.table(dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True)))


def events(folder: Path, rows: list[tuple] = ROWS) -> Events:
    path = folder / "events.parquet"
    parquet.write_table(events_table(rows), path)
    return Events.read(path)


def case(items: list[str], exclude: frozenset[str] = frozenset(), k: int = 2, targets: tuple[str, ...] = ()) -> Case:
    return Case(1, items, [1.0] * len(items), exclude, k, frozenset(targets))


def asked(number: int = 1, **changes) -> PeerCase:
    fields = {"user": "ada", "items": ["milk"], "exclude": ["milk"], "k": 1, "targets": ["tea"]}
    return PeerCase(number, **{**fields, **changes})


def write(folder: Path, **changes) -> None:
    good = {
        "training": events_table(),
        "refit": events_table(),
        "validation": [asked()],
        "cases": [asked(), asked(2)],
    }
    write_split(folder, **{**good, **changes})


def test_what_follows_the_test_is_told_to_the_peers(tmp_path: Path) -> None:
    write(tmp_path)
    assert "targets" not in parquet.read_schema(tmp_path / "cases.parquet").names
    assert [one.targets for one in read_cases(tmp_path / "cases.parquet")] == [frozenset(), frozenset()]
    (validation,) = read_cases(tmp_path / "validation.parquet")
    assert validation == case(["milk"], frozenset({"milk"}), 1, ("tea",))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"validation": [asked(targets=[])]}, "has no targets"),
        ({"validation": []}, "no case"),
        ({"cases": [asked(), asked()]}, "two with one number"),
        ({"training": events_table().drop_columns(["pos"])}, "lacks pos"),
        ({"refit": events_table().slice(0, 0)}, "is empty"),
    ],
)
def test_a_split_that_nobody_can_be_tuned_on_is_written(tmp_path: Path, changes: dict, complaint: str) -> None:
    with pytest.raises(BenchmarkError, match=complaint):
        write(tmp_path, **changes)


def test_a_peer_uses_what_it_is_compared_with(repository: Path) -> None:
    """It could not be installed there, and a shared part would hide a shared mistake."""
    allowed = "benchmarks.peers.runner"
    for path in (repository / "benchmarks" / "peers" / "runner").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            own = [name for name in names if name.partition(".")[0] in {"benchmarks", "homespun", "homespun_server"}]
            assert all(name.startswith(allowed) for name in own), path.name


def test_a_peer_that_can_be_run_cannot_be_asked_for() -> None:
    assert set(running.PEERS) == set(PEERS)


def test_events_are_learnt_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = events(tmp_path)
    assert [found.ids[item] for item in found.items] == ["milk", "tea", "tea", "jam", "jam"]
    assert found.users.tolist() == [0, 0, 1, 1, 1]
    assert found.times.tolist() == [10.0, 20.0, 30.0, 40.0, 50.0]


def test_repeated_events_are_lost_or_counted_as_people(tmp_path: Path) -> None:
    found = events(tmp_path)
    assert found.ids[0] == "tea"
    bob = found.matrix()[1].toarray()[0]
    assert bob[found.places["jam"]] == 10.0
    assert binary(found.matrix())[1].toarray()[0][found.places["jam"]] == 1.0


def test_an_id_that_tells_something_breaks_a_tie(tmp_path: Path) -> None:
    rows = [("ada", str(number), 0.0, number, 1.0) for number in range(40)]
    found = events(tmp_path, rows)
    assert found.ids != sorted(found.ids)
    assert found.ids != sorted(found.ids, key=int)


def test_an_unknown_item_of_a_history_moves_the_others(tmp_path: Path) -> None:
    found = events(tmp_path)
    row = found.rows([case(["never seen", "milk", "tea", "tea"])]).toarray()[0]
    assert row[found.places["milk"]] == 1.0
    assert row[found.places["tea"]] == 2.0
    assert found.known(case(["never seen", "milk"])) == [found.places["milk"]]


def test_what_is_excluded_is_recommended() -> None:
    scores = np.array([1, 5, 3, 5, 4], np.float32)
    assert best(scores, [], 3) == [1, 3, 4]
    assert best(scores, [1, 4], 3) == [3, 2, 0]
    assert best(scores, [0, 1, 2], 4) == [3, 4]
    assert best(scores, [0, 1, 2, 3, 4], 4) == []
    unscored = np.array([-np.inf, 1, -np.inf], np.float32)
    assert best(unscored, [0], 3) == [1, 2]


def test_a_model_that_diverged_is_judged() -> None:
    with pytest.raises(ValueError, match="diverged"):
        best(np.array([1, np.nan], np.float32), [], 1)


def test_ties_at_the_end_of_a_list_are_decided_by_chance() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = rng.integers(0, 4, 30).astype(np.float32)
        assert best(scores, [], 7) == sorted(range(30), key=lambda place: (-scores[place], place))[:7]


def test_scores_of_any_scale_are_told_apart() -> None:
    scorer = SameForAll(np.array([1e300, 1e301, 1e-300, 1 + 1e-12, 1.0]))
    assert best(scorer.scores([case([])])[0], [], 5) == [1, 0, 3, 4, 2]


def test_who_is_unknown_is_given_nothing(tmp_path: Path) -> None:
    found = events(tmp_path)
    scorer = Popularity().fit(found, {"count": "people"})
    assert list(recommend(scorer, found, [case(["never seen"], frozenset({"tea"}), k=1)])) == [[found.ids[1]]]


def test_weights_are_ignored_where_they_are_counted(tmp_path: Path) -> None:
    found = events(tmp_path)
    scorer = Popularity().fit(found, {"count": "weights"})
    assert list(recommend(scorer, found, [case([])])) == [["jam", "tea"]]


def test_the_old_is_as_popular_as_the_new(tmp_path: Path) -> None:
    rows = [("ada", "old", 0.0, 1, 3.0), ("bob", "new", 2 * DAY, 1, 1.0)]
    found = events(tmp_path, rows)
    ranked = {
        days: next(recommend(RecentPopularity().fit(found, {"half_life_days": days}), found, [case([])]))
        for days in (1.0, 2.0)
    }
    # After two days of a half-life of one, three are worth three quarters.
    assert ranked == {1.0: ["new", "old"], 2.0: ["old", "new"]}


def test_events_without_a_clock_have_an_age(tmp_path: Path) -> None:
    rows = [("ada", "tea", None, 1, 1.0), ("bob", "tea", 5.0, 1, 1.0)]
    with pytest.raises(UnsuitableDataError, match="no times"):
        RecentPopularity().fit(events(tmp_path, rows), {"half_life_days": 1.0})


def test_ndcg_rewards_what_is_not_a_target() -> None:
    cases = [case([], k=3, targets=("a", "b")), case([], k=3, targets=("c",))]
    perfect = [["b", "a", "x"], ["c", "a", "b"]]
    assert mean_ndcg(perfect, cases) == pytest.approx(1.0)
    second = 1 / np.log2(3)
    assert mean_ndcg([["x", "a"], ["a"]], cases) == pytest.approx(second / (1 + second) / 2)


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Slow(Peer):
    """Takes four seconds a fit; its score is its setting."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def settings(self) -> list[Setting]:
        return [{"score": score} for score in (2, 3, 1, 9)]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        self.clock.time += 4
        return SameForAll(np.full(len(events.ids), float(setting["score"])) * np.arange(len(events.ids)))


@pytest.mark.parametrize(("seconds", "trials"), [(0, 1), (5, 2), (8, 2), (100, 4)])
def test_a_slow_peer_gets_more_time_or_no_trial(tmp_path: Path, seconds: float, trials: int) -> None:
    clock = Clock()
    told: list[tuple] = []
    within = Allowance(seconds, clock, clock())
    tried = tune(Slow(clock), events(tmp_path), lambda _: 0.5, within, lambda *step: told.append(step))
    assert [trial.setting["score"] for trial in tried] == [2, 3, 1, 9][:trials]
    assert [trial.seconds for trial in tried] == [4.0] * trials
    assert told == [("tune", done, 4) for done in range(1, trials + 1)]


def test_the_worst_setting_is_chosen() -> None:
    tried = [Trial({"λ": 1}, 0.2), Trial({"λ": 2}, 0.3), Trial({"λ": 3}, 0.3)]
    assert best_of(tried).setting == {"λ": 2}
