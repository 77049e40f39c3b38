"""What would make a table of times or sizes say something that was not measured."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure import Spread, ratio, scaled, spread, time_in_rounds
from benchmarks.result import Section, as_data, as_table, machine, text, write_result
from homespun_server.evaluation.intervals import Interval


class Stopwatch:
    """A clock that moves only when a subject says how long it took."""

    def __init__(self) -> None:
        self.time = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.time

    def subject(self, name: str, *seconds: float) -> Callable[[], object]:
        durations = list(seconds)

        def call() -> None:
            self.calls.append(name)
            self.time += durations.pop(0) if len(durations) > 1 else durations[0]

        return call


def test_the_first_call_is_counted() -> None:
    clock = Stopwatch()
    subjects = {"cold": clock.subject("cold", 100.0, 2.0)}
    assert time_in_rounds(subjects, clock, rounds=3, least_seconds=0.0) == {"cold": [2.0, 2.0, 2.0]}


def test_a_disturbance_hits_one_subject_alone() -> None:
    clock = Stopwatch()
    subjects = {name: clock.subject(name, 1.0) for name in ("mine", "peer")}
    time_in_rounds(subjects, clock, rounds=2, least_seconds=0.0)
    warm_up = 4
    assert clock.calls[warm_up:] == ["mine", "peer", "mine", "peer"]


def test_a_short_call_is_timed_by_the_clocks_grain() -> None:
    clock = Stopwatch()
    subjects = {"short": clock.subject("short", 0.25)}
    assert time_in_rounds(subjects, clock, rounds=1, least_seconds=2.0) == {"short": [0.25]}
    warm_up = 2
    assert len(clock.calls) == warm_up + 8


def test_a_ratio_mixes_rounds() -> None:
    # The ratio of the medians would be 2.5.
    assert ratio([1.0, 5.0, 30.0], [1.0, 1.0, 3.0]) == Spread(5.0, 1.0, 10.0, 3)


def test_a_ratio_drops_rounds_that_have_no_partner() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratio([1.0, 2.0], [1.0])


def test_an_outlier_moves_the_middle_or_leaves_the_range() -> None:
    assert spread([3.0, 1.0, 1000.0]) == Spread(3.0, 1.0, 1000.0, 3)
    assert scaled([3.0, 1.0, 1000.0], 0.5) == Spread(1.5, 0.5, 500.0, 3)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, "–"),
        ("name", "name"),
        (2, "2"),
        (0, "0"),
        (1234567, "1,234,567"),
        (0.012345, "0.0123"),
        (99.94, "99.9"),
        (1234.5, "1,234"),
        (Spread(1.0, 0.5, 250.4, 3), "1 (0.5–250)"),
        (Interval(0.43925, 0.4300, 0.4490), "0.4392 ±0.0095"),
        (Interval(-0.0117, -0.0177, -0.0056), "-0.0117 ±0.0060"),
    ],
)
def test_a_cell_is_shown_as_another_value(cell: object, shown: str) -> None:
    assert text(cell) == shown  # type: ignore[arg-type]


def test_a_row_that_is_too_short_shifts_the_columns() -> None:
    with pytest.raises(ValueError, match="shorter"):
        as_data(Section("title", ("a", "b"), (("x",),)))


def test_the_written_figures_are_rounded_like_the_table(tmp_path: Path) -> None:
    third = 1 / 3
    rows = (("one", Spread(third, 0.0, 1.0, 7), Interval(third, -1.0, 1.0), None),)
    section = Section("title", ("name", "time", "lead", "peer"), rows, "note")
    made = datetime(2025, 1, 2, 3, 4, 5, 6, UTC)
    facts = machine(["numpy"])
    path = write_result("demo", [section], made, tmp_path / "new" / "folder", measured_on=facts)
    content = json.loads(path.read_bytes())
    assert path.name == "demo.json"
    assert content["made"] == "2025-01-02T03:04:05+00:00"
    assert content["machine"] == facts
    assert facts["numpy"] == np.__version__
    (row,) = content["sections"][0]["rows"]
    assert math.isclose(row["time"]["median"], third, rel_tol=0, abs_tol=0)
    assert row == {
        "name": "one",
        "time": {"median": third, "low": 0.0, "high": 1.0, "runs": 7},
        "lead": {"mean": third, "low": -1.0, "high": 1.0},
        "peer": None,
    }


def test_a_table_leaves_a_column_out() -> None:
    table = as_table(Section("title", ("name", "value"), (("x", 1), ("y", None))))
    assert [list(column.cells) for column in table.columns] == [["x", "y"], ["1", "–"]]
