"""What the page about compliance could claim falsely: that a test notices when a feature is gone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.compliance.mutating import FAILED, broken_copy, collected, run_with
from tools import compliance_page
from tools.compliance_page import Row, read_rows

ROWS = read_rows()

PARTS = 4
"""So that several workers share what takes long."""


class Runs(Protocol):
    def __call__(self, kind: str, total: int) -> Sequence[int]: ...


def named(row: Row) -> str:
    return f"{row.article} {row.asks}"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_feature_can_be_disabled_and_its_test_passes(repository: Path, tmp_path: Path, runs: Runs, part: int) -> None:
    rows = ROWS[part::PARTS]
    for number in runs(f"compliance mutation, part {part + 1}", len(rows)):
        row, folder = rows[number], tmp_path / str(number)
        broken_copy(repository, row, folder)
        done = run_with(repository, folder, row.test)
        assert done.returncode == FAILED, f"{named(row)}: {row.test} did not fail\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_row_names_a_text_that_is_not_there_or_there_twice(repository: Path, row: Row) -> None:
    text = (repository / row.mutation.file).read_text(encoding="utf-8")
    assert text.count(row.mutation.find) == 1
    assert row.mutation.replace != row.mutation.find


def test_rows_name_tests_that_are_not_there(repository: Path) -> None:
    """As pytest names them, with their parameters: a name that selects nothing cannot fail."""
    there = collected(repository, {row.test.partition("::")[0] for row in ROWS})
    assert [row.test for row in ROWS if not is_there(row.test, there)] == []


def is_there(test: str, there: frozenset[str]) -> bool:
    """Return whether a name selects a test: it is one, or stands for all of its parameters."""
    return test in there or ("[" not in test and any(each.startswith(f"{test}[") for each in there))


def test_a_parameter_that_is_not_there_passes_for_one_that_is() -> None:
    there = frozenset({"tests/a.py::test_b[c]", "tests/a.py::test_d"})
    assert [is_there(f"tests/a.py::{name}", there) for name in ("test_b[c]", "test_b", "test_d")] == [True] * 3
    assert [is_there(f"tests/a.py::{name}", there) for name in ("test_b[d]", "test_d[c]", "test_")] == [False] * 3


def test_a_test_of_working_code_passes_for_one_that_noticed(repository: Path, tmp_path: Path) -> None:
    unharmed = ROWS[0].mutation
    same = Row(
        law="",
        article="",
        asks="",
        feature="",
        evidence="",
        test=ROWS[0].test,
        mutation=compliance_page.Mutation(unharmed.file, unharmed.find, unharmed.find),
    )
    broken_copy(repository, same, tmp_path)
    assert run_with(repository, tmp_path, same.test).returncode == 0


def test_the_page_is_not_what_its_rows_say() -> None:
    assert compliance_page.main(["--check"]) == 0
