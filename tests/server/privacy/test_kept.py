"""What would let a file pass for a release, or make people pay for one twice."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics import standard
from homespun_server import keep, kept
from homespun_server.errors import LedgerError, OutputError, ReleaseFileError
from homespun_server.privacy import release as release_module
from homespun_server.privacy.kept import _DECLARATION
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.release import Release, release
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.sums import UserSum
from tests.conftest import Runs
from tests.server.support import counted, exact, user_sum

NOW = 1_741_564_800.0
RHO = Fraction(1, 20)

Spoil = Callable[[pa.Table], pa.Table]


def ledger_of(people: str = "people") -> BudgetLedger:
    ledger = BudgetLedger(MemoryLog(), people, clock=lambda: NOW)
    ledger.open(BudgetPolicy())
    return ledger


def charged(ledger: BudgetLedger, total: UserSum | None = None, rho: Fraction = RHO) -> Release:
    """Release a sum, at the ledger's expense."""
    total = total or user_sum([5, 600, -70])
    with ledger.reserve([(total.cohort.path, rho)], "test") as reservation:
        return release(total, rho=rho, budget=reservation)


def check_same(one: Release, other: Release) -> None:
    for name in ("statistic", "sigma", "rho", "path", "private", "noise"):
        assert getattr(one, name) == getattr(other, name), name
    assert np.array_equal(one.values, other.values)
    assert one.values.dtype == other.values.dtype == np.int64


def spoil(path: Path, change: Spoil) -> Path:
    """Write a file again as somebody would who changes it with usual tools."""
    with pq.ParquetFile(path) as file:
        table = file.read()
    pq.write_table(change(table), path)
    return path


def with_values(array: pa.Array) -> Spoil:
    return lambda table: pa.table({"value": array}).replace_schema_metadata(table.schema.metadata)


@pytest.mark.parametrize("cohort", [Cohort.everybody(), Cohort.held_out(0.1)])
def test_a_kept_release_is_another_one(cohort: Cohort, tmp_path: Path) -> None:
    ledger = ledger_of()
    released = charged(ledger, user_sum(np.arange(-3000, 3000), cohort=cohort))
    charged(ledger, user_sum([1, 2]))
    keep(released, tmp_path / "counts.parquet")
    again = kept(str(tmp_path / "counts.parquet"), ledger)
    check_same(again, released)
    assert released.private
    with pytest.raises(ValueError, match="read-only"):
        again.values[0] = 0


def test_a_use_of_a_kept_release_is_charged(tmp_path: Path) -> None:
    ledger = ledger_of()
    keep(charged(ledger), tmp_path / "counts.parquet")
    before = ledger.state()
    for _ in range(3):
        kept(tmp_path / "counts.parquet", ledger)
    assert ledger.state() == before
    assert before.lifetime_spent > 0


def test_a_file_says_how_much_noise_it_holds(tmp_path: Path) -> None:
    released = charged(ledger_of())
    keep(released, tmp_path / "counts.parquet")
    with pq.ParquetFile(tmp_path / "counts.parquet") as file:
        assert file.schema_arrow.names == ["value"]
        metadata = dict(file.schema_arrow.metadata)
    assert metadata.keys() == {_DECLARATION}
    assert str(released.sigma).encode() not in metadata[_DECLARATION]


def test_an_exact_sum_is_kept(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is not kept in files"):
        keep(exact([1, 2, 3]), tmp_path / "counts.parquet")
    assert list(tmp_path.iterdir()) == []


def one_more(table: pa.Table) -> pa.Table:
    return with_values(pa.array([*table["value"].to_pylist()[:-1], table["value"][-1].as_py() + 1]))(table)


def another_order(table: pa.Table) -> pa.Table:
    return with_values(pa.array(table["value"].to_pylist()[::-1]))(table)


def one_missing(table: pa.Table) -> pa.Table:
    return with_values(pa.array([*table["value"].to_pylist()[:-1], None], pa.int64()))(table)


def one_fewer(table: pa.Table) -> pa.Table:
    return table.slice(0, table.num_rows - 1)


def as_floats(table: pa.Table) -> pa.Table:
    return with_values(pa.array(map(float, table["value"].to_pylist())))(table)


def as_words(table: pa.Table) -> pa.Table:
    return with_values(pa.array(map(str, table["value"].to_pylist())))(table)


def another_column(table: pa.Table) -> pa.Table:
    return table.append_column("more", table["value"])


def another_name(table: pa.Table) -> pa.Table:
    return table.rename_columns(["values"])


@pytest.mark.parametrize(
    "change", [one_more, another_order, one_missing, one_fewer, as_floats, as_words, another_column, another_name]
)
def test_changed_numbers_are_used(change: Spoil, tmp_path: Path) -> None:
    ledger = ledger_of()
    keep(charged(ledger), tmp_path / "counts.parquet")
    with pytest.raises(ReleaseFileError):
        kept(spoil(tmp_path / "counts.parquet", change), ledger)


@pytest.mark.parametrize(
    "declaration",
    [
        msgspec.json.encode(msgspec.structs.replace(counted(3), l2_bound=4096)),
        msgspec.json.encode(msgspec.structs.replace(counted(3), name="item-trend")),
        msgspec.json.encode(msgspec.structs.replace(counted(3), max_people=1)),
        msgspec.json.encode(standard.people()),
        b'{"schema": 1}',
        b"{",
        b"\xff",
        b"",
        None,
    ],
)
def test_a_changed_declaration_is_used(declaration: bytes | None, tmp_path: Path) -> None:
    ledger = ledger_of()
    keep(charged(ledger), tmp_path / "counts.parquet")
    metadata = {} if declaration is None else {_DECLARATION: declaration}
    with pytest.raises(ReleaseFileError):
        kept(spoil(tmp_path / "counts.parquet", lambda table: table.replace_schema_metadata(metadata)), ledger)


def test_what_a_usual_tool_rewrote_without_a_change_is_refused(tmp_path: Path) -> None:
    ledger = ledger_of()
    released = charged(ledger)
    keep(released, tmp_path / "counts.parquet")
    check_same(kept(spoil(tmp_path / "counts.parquet", lambda table: table), ledger), released)


def test_a_release_of_another_ledger_is_used(tmp_path: Path) -> None:
    ledger, other = ledger_of(), ledger_of()
    keep(charged(other), tmp_path / "counts.parquet")
    charged(ledger)
    with pytest.raises(ReleaseFileError, match="the ledger of 'people' knows no release"):
        kept(tmp_path / "counts.parquet", ledger)
    with pytest.raises(LedgerError, match="no budget ledger"):
        kept(tmp_path / "counts.parquet", BudgetLedger(MemoryLog(), "people"))


def test_noise_that_was_not_charged_passes_for_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = ledger_of()
    released = charged(ledger)
    monkeypatch.setattr(release_module, "add_discrete_gaussian", lambda *_: np.array([7, 8, 9], np.int64))
    keep(charged(ledger_of()), tmp_path / "counts.parquet")
    with pytest.raises(ReleaseFileError, match="Nothing that nobody accounts for is a release"):
        kept(tmp_path / "counts.parquet", ledger)
    assert ledger.state().lifetime_spent == released.rho


@pytest.mark.parametrize("rho", [RHO, RHO / 2])
def test_equal_numbers_of_two_releases_are_mistaken_for_each_other(
    rho: Fraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of()
    monkeypatch.setattr(release_module, "add_discrete_gaussian", lambda *_: np.array([7, 8, 9], np.int64))
    keep(charged(ledger), tmp_path / "counts.parquet")
    charged(ledger, rho=rho)
    if rho == RHO:
        # Which of the two it is makes no difference to anybody.
        assert kept(tmp_path / "counts.parquet", ledger).rho == ledger.state().spends[0].spend.rho
        return
    with pytest.raises(ReleaseFileError, match="nobody can tell"):
        kept(tmp_path / "counts.parquet", ledger)


def test_a_file_that_was_cut_is_used(tmp_path: Path, runs: Runs) -> None:
    ledger = ledger_of()
    path = tmp_path / "counts.parquet"
    keep(charged(ledger), path)
    whole = path.read_bytes()
    for length in runs("cut release", len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ReleaseFileError, match="whole"):
            kept(path, ledger)


def test_a_damaged_file_is_another_release_or_a_crash(tmp_path: Path, runs: Runs) -> None:
    ledger = ledger_of()
    path = tmp_path / "counts.parquet"
    released = charged(ledger)
    keep(released, path)
    whole, refused = path.read_bytes(), 0
    for place in runs("damaged release", len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        try:
            again = kept(path, ledger)
        except ReleaseFileError:
            refused += 1
        else:
            check_same(again, released)
    assert refused > 50


@pytest.mark.parametrize("content", [b"", b"PAR1", b"value\n1\n2\n", None])
def test_something_else_is_a_release(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    if content is not None:
        path.write_bytes(content)
    for place in (path, tmp_path):
        with pytest.raises(ReleaseFileError, match="is no kept release, or is damaged"):
            kept(place, ledger_of())


def test_an_earlier_file_is_lost_where_a_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of()
    first, second = charged(ledger), charged(ledger)
    path = tmp_path / "counts.parquet"
    keep(first, path)

    def full(_table: object, where: Path, **_: object) -> None:
        where.write_bytes(b"PAR1 half of")
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(OutputError, match="Name another file"):
            keep(second, path)
    check_same(kept(path, ledger), first)
    assert [each.name for each in tmp_path.iterdir()] == ["counts.parquet"]
    keep(second, path)
    check_same(kept(path, ledger), second)
    assert [each.name for each in tmp_path.iterdir()] == ["counts.parquet"]


def test_a_release_is_kept_where_nothing_can_be(tmp_path: Path) -> None:
    released = charged(ledger_of())
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", tmp_path / "missing" / "counts.parquet"):
        with pytest.raises(OutputError, match="cannot be written"):
            keep(released, place)
    assert [each.name for each in tmp_path.rglob("*")] == ["folder"]
