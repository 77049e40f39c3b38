"""What was lifted or allowed again is out of use again, or rows of it never come back."""

from collections.abc import Sequence

import pytest

from homespun_server.compliance.requests.connectors.rows_of_tables import Record, TableFile
from homespun_server.compliance.requests.connectors.tables import SetAside
from homespun_server.compliance.requests.holding import Holding
from homespun_server.compliance.requests.profile import Kind
from homespun_server.errors import DataError, OutputError, ReplayError, RequestError
from homespun_server.settings import TableSettings
from tests.server.compliance.requests.support import ADA, CSV, OTHER, PERSON, Office

TOLD = {"reason": "the dispute is settled", "notice": "letter 14"}


def used(found: Office, person: str = PERSON) -> int:
    """Return how many of the person's rows trainings would read."""
    return sum(row.startswith(person) for row in found.rows)


def exported(found: Office, whole: str) -> None:
    """Write the table as it comes from where the operator has it, and replay."""
    (found.settings.folder / CSV).write_text(whole)
    found.desk.saga.replay()


def test_working_on_a_lifted_restriction_takes_its_rows_again(desk: Office) -> None:
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    desk.desk.saga.lift(request.id, ADA, TOLD)
    desk.desk.saga.work(request.id, ADA)
    assert not any(desk.desk.saga.replay().values())
    assert used(desk) == 10
    # Who asks anew is set aside anew.
    desk.desk.saga.work(desk.opened("restriction").id, ADA)
    assert used(desk) == 0


@pytest.mark.parametrize("kind", ["restriction", "objection"])
@pytest.mark.parametrize("lost", [False, True])
def test_working_on_what_was_allowed_again_takes_its_rows_again(desk: Office, kind: Kind, *, lost: bool) -> None:
    whole = (desk.settings.folder / CSV).read_text()
    request = desk.opened(kind)
    desk.desk.saga.work(request.id, ADA)
    exported(desk, whole)
    assert used(desk) == 0
    desk.desk.saga.allow_again(PERSON, ADA)
    if lost:
        (desk.settings.folder / "compliance" / "tombstones.log").unlink()
    desk.desk.saga.work(request.id, ADA)
    exported(desk, whole)
    assert used(desk) == 10


def test_working_on_an_older_objection_takes_rows_that_a_newer_one_had_and_were_allowed_again(desk: Office) -> None:
    whole = (desk.settings.folder / CSV).read_text()
    older, newer = desk.opened("objection"), desk.opened("objection")
    for request in (older, newer):
        desk.desk.saga.work(request.id, ADA)
        desk.desk.saga.allow_again(PERSON, ADA)
    desk.desk.saga.work(older.id, ADA)
    exported(desk, whole)
    assert used(desk) == 10


def test_rows_stay_aside_for_ever_as_allowing_them_again_failed_once(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (desk.settings.folder / CSV).read_text()
    desk.closed("objection")
    exported(desk, whole)

    def busy(*_: object) -> None:
        raise OutputError("somebody wrote to it meanwhile")

    with monkeypatch.context() as patch:
        patch.setattr(TableFile, "add", busy)
        with pytest.raises(OutputError, match="meanwhile"):
            desk.desk.saga.allow_again(PERSON, ADA)
    assert used(desk) == 0
    assert desk.desk.saga.allow_again(PERSON, ADA) == {f"table {CSV}": 10}
    assert used(desk) == 10
    with pytest.raises(RequestError, match="in force"):
        desk.desk.saga.allow_again(PERSON, ADA)


def came_while_rows_were_set_aside(desk: Office, patch: pytest.MonkeyPatch) -> None:
    """Have somebody write a row to the table as soon as the rows before it are kept."""
    put, path = SetAside.put, desk.settings.folder / CSV

    def putting(self: SetAside, name: str, table: TableSettings, records: Sequence[Record]) -> None:
        put(self, name, table, records)
        if table.path == CSV:
            path.write_text(path.read_text() + f"{PERSON},item-new,2025-03-05T00:00:00+00:00\n")

    patch.setattr(SetAside, "put", putting)


@pytest.mark.parametrize("by", ["the request", "a replay"])
def test_a_row_that_came_while_others_were_set_aside_is_lost(
    desk: Office, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    whole = (desk.settings.folder / CSV).read_text()
    request = desk.opened("restriction")
    if by == "a replay":
        desk.desk.saga.work(request.id, ADA)
        (desk.settings.folder / CSV).write_text(whole)
    with monkeypatch.context() as patch:
        came_while_rows_were_set_aside(desk, patch)
        if by == "a replay":
            with pytest.raises(ReplayError, match="meanwhile"):
                desk.desk.saga.replay()
        else:
            assert desk.desk.saga.work(request.id, ADA).effects[f"table {CSV}"].outcome == "failed"
    assert used(desk) == 11
    desk.desk.saga.work(request.id, ADA)
    desk.desk.saga.replay()
    assert used(desk) == 0
    desk.desk.saga.lift(request.id, ADA, TOLD)
    assert sum("item-new" in row for row in desk.rows) == 1


LONG, SHORT, QUOTED = (
    "item-long,2025-03-05T00:00:00+00:00,extra",
    "item-short",
    '"item, quoted",2025-03-05T00:00:00+00:00',
)


@pytest.mark.parametrize("row", [LONG, SHORT, QUOTED])
@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_row_with_cells_too_many_or_too_few_loses_them_or_keeps_all_rows_aside(
    desk: Office, row: str, ending: str
) -> None:
    path = desk.settings.folder / CSV
    path.write_text(path.read_text() + f"{PERSON},{row}{ending}")
    before = sorted(desk.rows)
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    assert used(desk) == 0
    assert desk.desk.saga.lift(request.id, ADA, TOLD)[f"table {CSV}"] == 11
    assert sorted(desk.rows) == before


def test_a_row_with_cells_too_many_is_taken_for_one_without_them(desk: Office) -> None:
    path = desk.settings.folder / CSV
    path.write_text(path.read_text() + f"{PERSON},{LONG}\n")
    before = sorted([*desk.rows, f"{PERSON},{LONG.removesuffix(',extra')}"])
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    path.write_text(path.read_text() + f"{PERSON},{LONG.removesuffix(',extra')}\n")
    desk.desk.saga.lift(request.id, ADA, TOLD)
    assert sorted(desk.rows) == before


def test_rows_come_back_under_the_wrong_columns(desk: Office) -> None:
    path = desk.settings.folder / CSV
    path.write_text(path.read_text() + f"{PERSON},item-short\n")
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    path.write_text("at;user;item\n" + "".join(f"{at};{user};{item}\n" for user, item, at in map(cells, desk.rows)))
    with pytest.raises(DataError, match="a row to be put back has the columns user, item, at"):
        desk.desk.saga.lift(request.id, ADA, TOLD)
    path.write_text("user,item,at\n" + "".join(f"{user},{item},{at}\n" for at, user, item in map(cells, desk.rows)))
    assert desk.desk.saga.lift(request.id, ADA, {})[f"table {CSV}"] == 11
    assert f"{PERSON},item-short" in desk.rows


def test_other_delimiters_and_another_order_keep_rows_aside_or_mix_them_up(desk: Office) -> None:
    path, before = desk.settings.folder / CSV, sorted(desk.rows)
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    path.write_text("at;user;item\n" + "".join(f"{at};{user};{item}\n" for user, item, at in map(cells, desk.rows)))
    desk.desk.saga.lift(request.id, ADA, TOLD)
    assert sorted(f"{user},{item},{at}" for at, user, item in map(cells, desk.rows)) == before


def cells(row: str) -> list[str]:
    return row.replace(";", ",").split(",")


@pytest.mark.parametrize("ended", [False, True])
def test_a_lifting_that_was_killed_before_its_mark_ended_is_never_finished(
    desk: Office, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    path, new = desk.settings.folder / CSV, "user-000099"
    whole = path.read_text() + f"{new},item-1,2025-03-05T00:00:00+00:00\n"
    request = desk.opened("restriction", person=new)
    desk.desk.saga.work(request.id, ADA)
    if ended:
        desk.desk.exporter.answer(request.id, ADA)
        desk.desk.requests.act(request.id, "closed", ADA)
    with monkeypatch.context() as patch:
        patch.setattr(Holding, "end", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.desk.saga.lift(request.id, ADA, TOLD)
    assert desk.desk.saga.is_set_aside(request.id)
    assert desk.desk.saga.lift(request.id, ADA, {}) == {}
    assert not desk.desk.saga.is_set_aside(request.id)
    exported(desk, whole)
    assert used(desk, new) == 1
    with pytest.raises(RequestError, match="was lifted before"):
        desk.desk.saga.lift(request.id, ADA, TOLD)


def test_lifting_once_more_ends_a_restriction_that_was_asked_for_since(desk: Office) -> None:
    whole = (desk.settings.folder / CSV).read_text()
    request, later = desk.opened("restriction"), desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    desk.desk.saga.lift(request.id, ADA, TOLD)
    desk.desk.saga.work(later.id, ADA)
    exported(desk, whole)
    with pytest.raises(RequestError):
        desk.desk.saga.lift(request.id, ADA, TOLD)
    exported(desk, whole)
    assert used(desk) == 0


def test_somebody_elses_objection_keeps_a_restriction_and_its_id_is_told(desk: Office) -> None:
    request, others = desk.opened("restriction"), desk.opened("objection", person=OTHER)
    for each in (request, others):
        desk.desk.saga.work(each.id, ADA)
        assert desk.desk.requests.get(each.id).request.subject is None
    desk.desk.saga.lift(request.id, ADA, TOLD)
    assert (used(desk), used(desk, OTHER)) == (10, 0)


@pytest.mark.parametrize("kind", ["objection", "restriction"])
def test_ones_own_request_is_passed_over_as_neither_had_a_pseudonym(desk: Office, kind: Kind) -> None:
    request, own = desk.opened("restriction"), desk.opened(kind)
    for each in (request, own):
        desk.desk.saga.work(each.id, ADA)
    with pytest.raises(RequestError, match=own.id):
        desk.desk.saga.lift(request.id, ADA, TOLD)
    assert used(desk) == 0


def killed(*_: object) -> None:
    raise KeyboardInterrupt
