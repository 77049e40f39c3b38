"""The saga is ended at any step, by whatever ends a process at once, and does not go on where it was."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest

from homespun_server.compliance.requests.profile import Kind
from homespun_server.errors import RequestError
from homespun_server.store import Store
from tests.server.compliance.requests.support import ADA, CSV, PARQUET, PERSON, Hands, Office, office

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here to be ended")

SAMPLED = 10
"""Points in the quick run, evenly over all."""


class Points:
    """Counts what reaches the disk, and ends the process at one of them."""

    def __init__(self, fatal: int | None) -> None:
        self.count, self.fatal = 0, fatal

    def reached(self) -> None:
        if self.count == self.fatal:
            os._exit(9)
        self.count += 1

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.reached()
            done = function(*arguments, **named)
            self.reached()
            return done

        return wrapped


def watch(patch: pytest.MonkeyPatch, points: Points) -> None:
    for owner, names in ((os, ("fsync", "link")), (Path, ("replace", "unlink"))):
        for name in names:
            patch.setattr(owner, name, points.around(getattr(owner, name)))
    entering = Store.writing

    def writing(store: Store) -> Any:
        return Transaction(entering(store), points)

    patch.setattr(Store, "writing", writing)


class Transaction:
    def __init__(self, inner: Any, points: Points) -> None:
        self.inner, self.points = inner, points

    def __enter__(self) -> Any:
        self.points.reached()
        return self.inner.__enter__()

    def __exit__(self, *error: object) -> Any:
        # The transaction's work is done, and nothing of it is kept yet; then all of it is.
        self.points.reached()
        done = self.inner.__exit__(*error)
        self.points.reached()
        return done


Work = Callable[[Office, str], object]


def worked(found: Office, request: str) -> object:
    return found.desk.saga.work(request, ADA)


def lifted(found: Office, request: str) -> object:
    return found.desk.saga.lift(request, ADA, {"reason": "the dispute is settled", "notice": "letter 14"})


def allowed(found: Office, request: str) -> object:
    assert request
    return found.desk.saga.allow_again(PERSON, ADA)


def begun(wd: Path) -> str:
    with office(wd) as found:
        found.known()
        (wd / "work").mkdir(exist_ok=True)
        return str(found.opened().id)


def worked_in_a_child(wd: Path, request: str, fatal: int, work: Work = worked) -> int:
    """Work on a request in a process that ends at a point; return how it ended."""
    child = os.fork()
    if child == 0:
        _work_and_end(wd, request, fatal, work)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _work_and_end(wd: Path, request: str, fatal: int, work: Work) -> NoReturn:
    try:
        with pytest.MonkeyPatch.context() as patch, office(wd) as found:
            watch(patch, Points(fatal))
            work(found, request)
    finally:
        os._exit(0)


def points_of_a_whole_run(wd: Path, request: str, work: Work = worked) -> int:
    points = Points(None)
    with pytest.MonkeyPatch.context() as patch, office(wd) as found:
        watch(patch, points)
        work(found, request)
    return points.count


def check_ended_well(found: Office, request: str) -> None:
    course = found.desk.saga.work(request, ADA)
    assert (course.state, course.missing) == ("completed", ())
    assert not any(row.startswith(PERSON) for row in found.rows)
    assert len(found.rows) == 20
    assert pq.read_table(found.settings.folder / PARQUET).num_rows == 8
    assert course.effects[f"table {CSV}"].records == 10, "the number of records was lost"
    assert course.effects[f"table {CSV}"].outcome == "done"
    assert found.subjects.pseudonym(PERSON) is None
    assert found.desk.tombstones.marked("people", PERSON) is not None
    left = [path.name for path in found.settings.folder.iterdir() if path.name.startswith(".homespun")]
    assert left == []


def kill_at(tmp_path: Path, chosen: Callable[[int], range]) -> None:
    request = begun(tmp_path / "begun")
    shutil.copytree(tmp_path / "begun", tmp_path / "whole")
    count = points_of_a_whole_run(tmp_path / "whole", request)
    assert count > 60
    for fatal in chosen(count):
        wd = tmp_path / f"killed-{fatal}"
        shutil.copytree(tmp_path / "begun", wd)
        assert worked_in_a_child(wd, request, fatal) == 9, f"the run was over before point {fatal}"
        with office(wd, clock=Hands()) as found:
            check_ended_well(found, request)
        shutil.rmtree(wd)


def test_a_saga_that_was_killed_leaves_a_person_or_loses_its_count(tmp_path: Path) -> None:
    kill_at(tmp_path, lambda count: range(3, count, count // SAMPLED))


@pytest.mark.soak
def test_a_saga_that_was_killed_anywhere_leaves_a_person(tmp_path: Path) -> None:
    kill_at(tmp_path, range)


def held(wd: Path, kind: Kind) -> tuple[str, list[str]]:
    """Set aside a person's rows for a request, and again as they came back; return it, and all rows."""
    with office(wd) as found:
        (wd / "work").mkdir(exist_ok=True)
        rows, tables = sorted(found.rows), {name: (wd / name).read_bytes() for name in (CSV, PARQUET)}
        request = found.opened(kind)
        found.desk.saga.work(request.id, ADA)
        if kind == "objection":
            for name, content in tables.items():
                (wd / name).write_bytes(content)
            found.desk.saga.replay()
        return str(request.id), rows


def kill_on_the_way_back(tmp_path: Path, kind: Kind, work: Work, chosen: Callable[[int], range]) -> None:
    request, rows = held(tmp_path / "begun", kind)
    shutil.copytree(tmp_path / "begun", tmp_path / "whole")
    count = points_of_a_whole_run(tmp_path / "whole", request, work)
    for fatal in chosen(count):
        wd = tmp_path / f"killed-{fatal}"
        shutil.copytree(tmp_path / "begun", wd)
        assert worked_in_a_child(wd, request, fatal, work) == 9, f"the run was over before point {fatal}"
        with office(wd) as found:
            with suppress(RequestError):  # it was over but for its last words
                work(found, request)
            assert not any(found.desk.saga.replay().values())
            assert sorted(found.rows) == rows, f"rows were lost or doubled at point {fatal}"
            assert pq.read_table(wd / PARQUET).num_rows == 12
        shutil.rmtree(wd)


@pytest.mark.parametrize(("kind", "work"), [("restriction", lifted), ("objection", allowed)])
def test_rows_on_their_way_back_are_lost_or_doubled(tmp_path: Path, kind: Kind, work: Work) -> None:
    kill_on_the_way_back(tmp_path, kind, work, lambda count: range(2, count, count // 5))


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "work"), [("restriction", lifted), ("objection", allowed)])
def test_rows_on_their_way_back_are_lost_or_doubled_anywhere(tmp_path: Path, kind: Kind, work: Work) -> None:
    kill_on_the_way_back(tmp_path, kind, work, range)
