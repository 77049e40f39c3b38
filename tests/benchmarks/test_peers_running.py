"""What a peer in another process could do to a comparison: fail, lack something, answer something else."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.peers.running import ENVIRONMENT, PEERS, Missing, PeerResult, check_lists, run_peer
from benchmarks.peers.split import EVENTS, PeerCase, write_split
from benchmarks.workspace import BenchmarkError

HERE = Path(sys.prefix)
"""An environment without the peers' libraries, but for what popularity needs."""

GROUPS = ("sweet", "salty")
ITEMS = 12


def likes(person: int) -> list[str]:
    """Two kinds of people; everybody has two thirds of one group's items and none of the other's."""
    group = GROUPS[person % 2]
    return [f"{group}-{item}" for item in range(ITEMS) if (item + person // 2) % 3]


def table(people: range) -> pa.Table:
    rows = [
        {"user": f"person-{person}", "item": item, "time": 60.0 * pos, "pos": pos, "weight": 1.0}
        for person in people
        for pos, item in enumerate(likes(person))
    ]
    return pa.Table.from_pylist(rows, schema=EVENTS)


def cases(people: range) -> list[PeerCase]:
    histories = {person: likes(person) for person in people}
    return [
        PeerCase(person, "nobody known", items[:4], items[:4], 3, targets=items[4:])
        for person, items in histories.items()
    ]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    write_split(
        tmp_path,
        training=table(range(60)),
        refit=table(range(70)),
        validation=cases(range(60, 70)),
        cases=cases(range(70, 80)),
    )
    return tmp_path


def unheard(_step: str, _done: int, _of: int) -> None:
    pass


def test_no_environment_is_an_error_of_the_benchmark(split: Path, tmp_path: Path) -> None:
    missing = run_peer("popularity", split, unheard, environment=tmp_path / "none")
    assert isinstance(missing, Missing)
    assert "make peers" in missing.reason


def test_a_library_that_is_optional_has_to_be_there(split: Path) -> None:
    missing = run_peer("sasrec", split, unheard, environment=HERE)
    assert isinstance(missing, Missing)
    assert "torch" in missing.reason


def test_data_that_a_peer_cannot_use_stop_the_benchmark(split: Path) -> None:
    found = parquet.read_table(split / "training.parquet")
    without = found.set_column(2, "time", pa.nulls(found.num_rows, pa.float64()))
    parquet.write_table(without, split / "training.parquet")
    assert run_peer("recent-popularity", split, unheard, environment=HERE) == Missing(
        "recent-popularity", "the events have no times"
    )


def test_a_peer_fails_without_a_word(split: Path) -> None:
    (split / "validation.parquet").write_bytes(b"not a table")
    with pytest.raises(BenchmarkError, match=r"(?s)popularity failed with code 1.*Parquet"):
        run_peer("popularity", split, unheard, environment=HERE)


def test_a_peer_that_does_not_exist_is_run(split: Path) -> None:
    with pytest.raises(BenchmarkError, match="no peer grandmother"):
        run_peer("grandmother", split, unheard, environment=HERE)


def test_lists_come_without_how_they_came_about(split: Path) -> None:
    told: list[tuple] = []
    found = run_peer("popularity", split, lambda *step: told.append(step), environment=HERE, seed=7, seconds=50)
    assert isinstance(found, PeerResult)
    assert set(found.recommendations) == set(range(70, 80))
    assert found.facts.chosen in found.facts.tried
    assert (found.facts.offered, found.facts.seed, found.facts.limit_seconds) == (2, 7, 50.0)
    assert found.facts.items == len(GROUPS) * ITEMS
    assert "numpy" in (found.facts.versions or {})
    assert told == [("popularity: tune", 1, 2), ("popularity: tune", 2, 2), ("popularity: recommend", 1, 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for Python by a shell script")
@pytest.mark.timeout(60)
def test_a_peer_goes_on_when_nobody_waits(split: Path, tmp_path: Path) -> None:
    python = tmp_path / "slow" / "bin" / "python"
    python.parent.mkdir(parents=True)
    step = '{"step": "tune", "done": 1, "of": 8}'
    python.write_text(f"#!/bin/sh\necho '{step}'\nexec sleep 600\n", encoding="utf-8")
    python.chmod(0o755)

    def interrupt(*_step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_peer("popularity", split, interrupt, environment=tmp_path / "slow")


@pytest.mark.parametrize(
    ("lists", "complaint"),
    [
        ({1: ["a"]}, "answered 1 cases"),
        ({1: ["a"], 2: ["a"], 3: []}, "answered 3 cases"),
        ({1: ["a", "a"], 2: []}, "one twice"),
        ({1: ["a", "b", "c"], 2: []}, "too many"),
        ({1: ["excluded"], 2: []}, "excluded"),
    ],
)
def test_lists_that_answer_something_else_are_counted(split: Path, lists: dict, complaint: str) -> None:
    asked = [PeerCase(number, "nobody", ["x"], ["excluded"], 2, targets=["a"]) for number in (1, 2)]
    write_split(split, training=table(range(2)), refit=table(range(2)), validation=asked, cases=asked)
    with pytest.raises(BenchmarkError, match=complaint):
        check_lists(lists, split / "cases.parquet", "somebody")
    check_lists({1: ["a", "b"], 2: []}, split / "cases.parquet", "somebody")


@pytest.mark.skipif(not ENVIRONMENT.is_dir(), reason="the peers' environment is not there (make peers)")
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_does_not_understand_its_own_library(split: Path, name: str) -> None:
    found = run_peer(name, split, unheard, seconds=5)
    if isinstance(found, Missing):
        assert name == "sasrec"
        pytest.skip(found.reason)
    assert 0 < len(found.facts.tried) <= found.facts.offered <= 8
    if "popularity" not in name and name != "sasrec":
        for person, items in found.recommendations.items():
            assert {item.partition("-")[0] for item in items} == {GROUPS[person % 2]}
