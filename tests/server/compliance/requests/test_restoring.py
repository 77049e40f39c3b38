"""What was erased comes back with a backup: of the store, of the tables, of the tombstones themselves."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homespun.protocol.asking.registration import voucher_of
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.tombstones import FILE, FOLDER
from homespun_server.errors import ReplayError, RequestError
from homespun_server.store import AuditLog
from tests.server.compliance.consent.support import record, report
from tests.server.compliance.requests.support import ADA, CSV, KEYS, OTHER, PARQUET, PERSON, Hands, Office, office

TOLD = {"reason": "the dispute is settled", "notice": "letter 14"}
PURPOSES = ("personalization", "contribution", "measurement")
BACKED_UP = ("store.sqlite", CSV, PARQUET)


def backup(folder: Path, to: Path, names: tuple[str, ...] = BACKED_UP) -> None:
    to.mkdir(exist_ok=True)
    for name in names:
        for path in folder.glob(f"{name}*"):
            shutil.copy(path, to)


def restore(folder: Path, kept: Path) -> None:
    for path in folder.glob("store.sqlite*"):
        path.unlink()
    for path in kept.iterdir():
        shutil.copy(path, folder)


def has(found: Office, person: str) -> bool:
    return found.subjects.pseudonym(person) is not None or any(row.startswith(person) for row in found.rows)


def ledger(found: Office) -> ConsentLedger:
    # Without a log of its own: what a restore does to the log is told in its tests.
    return ConsentLedger(found.store, KEYS, None, found.clock)


def grant(found: Office, person: str, *, place: int = 1) -> None:
    """Have a person allow all of it, vouched for by the operator."""
    voucher = voucher_of(KEYS.vouching, person, 4_000_000_000)
    for number, purpose in enumerate(PURPOSES, place):
        given = report(record(number, purpose, "grant"), subject=person)
        ledger(found).record(given, voucher=voucher)


def withdrawn(found: Office, person: str = PERSON) -> set[str]:
    status = ledger(found).status_as_of(found.known(person))
    return {purpose for purpose in PURPOSES if not status[purpose].granted}


def used(found: Office) -> list[str]:
    """Return the person's rows that trainings would read."""
    return [row for row in found.rows if row.startswith(PERSON)]


def test_a_restore_of_yesterdays_store_and_tables_brings_a_person_back(tmp_path: Path) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    with office(wd) as found:
        found.known()
        found.known(OTHER)
    backup(wd, kept)
    with office(wd) as found:
        found.closed()
        assert not has(found, PERSON)
    restore(wd, kept)
    with office(wd) as found:
        assert has(found, PERSON)
        again = found.desk.saga.replay()
        assert not has(found, PERSON)
        assert has(found, OTHER)
        assert (again[f"table {CSV}"], again[f"table {PARQUET}"], again["pseudonyms"]) == (10, 4, 1)
        assert not any(found.desk.saga.replay().values())


def test_the_tombstones_go_with_either_of_their_two_places(tmp_path: Path) -> None:
    wd = tmp_path / "wd"
    with office(wd) as found:
        found.closed()
        (wd / FOLDER / FILE).unlink()
        assert found.desk.tombstones.merge() > 0
        assert (wd / FOLDER / FILE).exists()
        shutil.copy(wd / FOLDER / FILE, tmp_path)
        (wd / FOLDER / FILE).write_bytes(b"")
        write = found.settings.folder / CSV
        write.write_text(write.read_text() + f"{PERSON},item-1,2025-01-01T00:00:00+00:00\n")
        found.desk.saga.replay()
        assert not has(found, PERSON)


def test_a_line_that_was_cut_off_takes_the_next_one_with_it(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as found:
        file = tmp_path / "wd" / FOLDER / FILE
        found.desk.tombstones.add([("people", "one")])
        file.write_bytes(file.read_bytes()[:-20])
        found.desk.tombstones.add([("people", "two")])
        found.desk.tombstones.merge()
        assert all(found.desk.tombstones.marked("people", name) for name in ("one", "two"))
        assert found.desk.tombstones.marked("people", "three") is None


def test_a_tombstone_names_a_person(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as found:
        subject = found.known()
        found.closed()
        raw = (tmp_path / "wd" / FOLDER / FILE).read_bytes()
    assert PERSON.encode() not in raw
    assert subject.encode() not in raw


def test_who_comes_back_is_erased_at_every_start(tmp_path: Path) -> None:
    clock = Hands()
    with office(tmp_path / "wd", clock=clock) as found:
        found.closed()
        clock.pass_(days=1)
        path = found.settings.folder / CSV
        new = f"{PERSON},item-1,{clock().isoformat()}"
        path.write_text(path.read_text() + new + f"\n{PERSON},item-2,2025-01-05T00:00:00+00:00\n")
        assert found.desk.saga.replay()[f"table {CSV}"] == 1
        assert [row for row in found.rows if row.startswith(PERSON)] == [new]
        # A table without times cannot tell; the person is let in on purpose.
        assert found.desk.tombstones.lift("people", PERSON, ADA)
        assert found.desk.tombstones.marked("people", PERSON) is None
        assert found.desk.tombstones.add([("people", PERSON)]) == 1
        assert found.desk.tombstones.marked("people", PERSON) == clock()


def test_a_table_that_cannot_be_read_keeps_erased_people_in_every_other_store(tmp_path: Path) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    with office(wd) as found:
        found.known()
    backup(wd, kept)
    with office(wd) as found:
        found.closed()
    restore(wd, kept)
    (wd / CSV).write_text("nobody\n1\n")
    with office(wd) as found:
        with pytest.raises(ReplayError, match=rf"may be back in table {CSV}: .*has no column") as raised:
            found.desk.saga.replay()
        assert list(raised.value.reasons) == [f"table {CSV}"]
        assert (raised.value.again[f"table {PARQUET}"], raised.value.again["pseudonyms"]) == (4, 1)
        assert found.subjects.pseudonym(PERSON) is None


def test_letting_somebody_in_again_brings_back_what_was_erased(tmp_path: Path) -> None:
    clock, wd, kept = Hands(), tmp_path / "wd", tmp_path / "backup"
    with office(wd, clock=clock) as found:
        backup(wd, kept, (CSV,))
        found.closed()
        clock.pass_(days=1)
        found.desk.tombstones.lift("people", PERSON, ADA)
        shutil.copy(kept / CSV, wd)
        new = f"{PERSON},item-1,{clock().isoformat()}"
        (wd / CSV).write_text((wd / CSV).read_text() + f"{new}\n")
        assert found.desk.saga.replay()[f"table {CSV}"] == 10
        assert [row for row in found.rows if row.startswith(PERSON)] == [new]
        assert not any(found.desk.saga.replay().values())


def test_who_came_back_and_objects_has_old_rows_set_aside_again(tmp_path: Path) -> None:
    clock, wd, kept = Hands(), tmp_path / "wd", tmp_path / "backup"
    with office(wd, clock=clock) as found:
        backup(wd, kept, (CSV,))
        found.closed()
        clock.pass_(days=1)
        found.desk.tombstones.lift("people", PERSON, ADA)
        new = f"{PERSON},item-1,{clock().isoformat()}"
        shutil.copy(kept / CSV, wd)
        (wd / CSV).write_text((wd / CSV).read_text() + f"{new}\n")
        found.closed("objection")
        assert found.desk.saga.replay()["set aside"] == 10
        (aside,) = (wd / FOLDER / "set-aside").glob("*.jsonl")
        assert [line for line in aside.read_text().splitlines() if "item-1" in line and clock().isoformat() in line]
        assert len(aside.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "lost"),
    [("objection", "tables"), ("objection", "store"), ("opt-out", "marks"), ("restriction", "store")],
)
def test_what_somebody_objected_to_is_used_again_after_a_restore(tmp_path: Path, kind: Kind, lost: str) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    regulation = "ccpa" if kind == "opt-out" else "gdpr"
    with office(wd):
        pass
    backup(wd, kept)
    with office(wd) as found:
        found.closed(kind, regulation=regulation)
        assert not used(found)
    if lost == "marks":
        (wd / FOLDER / FILE).unlink()
        shutil.copy(kept / CSV, wd)
    elif lost == "store":
        restore(wd, kept)  # the request is not known any more
    else:
        for name in (CSV, PARQUET):
            shutil.copy(kept / name, wd)
    with office(wd) as found:
        again = found.desk.saga.replay()
        assert not any(row.startswith(PERSON) for row in found.rows)
        assert any(row.startswith(OTHER) for row in found.rows)
        assert again[f"table {CSV}, set aside"] == 10
        assert not any(found.desk.saga.replay().values())


@pytest.mark.parametrize("kind", ["objection", "opt-out", "restriction"])
def test_what_somebody_objected_to_is_allowed_again_by_a_restored_consent_ledger(tmp_path: Path, kind: Kind) -> None:
    wd, kept, hands = tmp_path / "wd", tmp_path / "backup", Hands()
    with office(wd, clock=hands) as found:
        for person in (PERSON, OTHER):
            grant(found, person)
    backup(wd, kept)
    hands.pass_(hours=1)
    with office(wd, clock=hands) as found:
        request = found.closed(kind, regulation="ccpa" if kind == "opt-out" else "gdpr")
        ended = withdrawn(found)
        assert "contribution" in ended
    restore(wd, kept)
    hands.pass_(hours=1)
    with office(wd, clock=hands) as found:
        assert not withdrawn(found)
        assert found.desk.saga.replay()["consent events, set aside"] == len(ended)
        assert withdrawn(found) == ended
        again = [each for each in ledger(found).events_of(found.known()) if each.origin == "request"]
        assert {(each.source, each.choice.method) for each in again} == {(request.id, kind)}
        assert not withdrawn(found, OTHER)
        assert not any(found.desk.saga.replay().values())
        # What they choose after that is theirs, also before somebody says that they allowed the use again.
        hands.pass_(hours=1)
        grant(found, PERSON, place=4)
        found.desk.saga.replay()
        assert not withdrawn(found)
        found.desk.saga.allow_again(PERSON, ADA)
    restore(wd, kept)
    with office(wd, clock=hands) as found:
        found.desk.saga.replay()
        assert not withdrawn(found)


def test_withdrawals_are_recorded_again_of_somebody_who_was_erased_since(tmp_path: Path) -> None:
    wd, kept, hands = tmp_path / "wd", tmp_path / "backup", Hands()
    with office(wd, clock=hands) as found:
        grant(found, PERSON)
    backup(wd, kept)
    with office(wd, clock=hands) as found:
        found.closed("objection")
        found.closed()
    restore(wd, kept)
    hands.pass_(hours=1)
    with office(wd, clock=hands) as found:
        assert "consent events, set aside" not in found.desk.saga.replay()
        assert ledger(found).size() == (0, 0)
        # Who comes back under that name is another, and chooses anew.
        grant(found, PERSON)
        assert "consent events, set aside" not in found.desk.saga.replay()
        assert not withdrawn(found)


def test_the_next_export_of_a_table_brings_back_who_objected(tmp_path: Path) -> None:
    wd = tmp_path / "wd"
    with office(wd) as found:
        found.closed("objection")
        for day in (1, 2):
            new = f"{PERSON},item-new,2025-04-0{day}T00:00:00+00:00\n{OTHER},item-new,2025-04-0{day}T00:00:00+00:00\n"
            (wd / CSV).write_text("user,item,at\n" + new)
            assert found.desk.saga.replay()[f"table {CSV}, set aside"] == 1
            assert [row.split(",")[0] for row in found.rows] == [OTHER]
        # What is kept for them is all of it, once each, under a name that says nothing.
        (mark,) = [path for path in (wd / FOLDER / "set-aside").glob("*.jsonl") if len(path.stem) == 64]
        assert len(mark.read_text().splitlines()) == 2
        assert PERSON not in (wd / FOLDER / FILE).read_text() + mark.name
        assert found.desk.saga.work(found.opened().id, ADA).effects["set aside"].records == 16
        assert mark.read_text() == ""


@pytest.mark.parametrize("restored", [False, True])
def test_a_restriction_that_was_lifted_holds_for_ever(tmp_path: Path, *, restored: bool) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    with office(wd) as found:
        before = sorted(found.rows)
        backup(wd, kept)
        request = found.closed("restriction")
        if restored:
            shutil.copy(kept / CSV, wd)
            found.desk.saga.replay()
            assert not used(found)
        found.desk.saga.lift(request.id, ADA, TOLD)
        assert sorted(found.rows) == before
        assert not found.desk.saga.is_set_aside(request.id)
        assert not any(found.desk.saga.replay().values())
        assert sorted(found.rows) == before
        # Who asks again is set aside again.
        found.closed("restriction")
        shutil.copy(kept / CSV, wd)
        assert found.desk.saga.replay()[f"table {CSV}, set aside"] == 10


def test_an_objection_that_a_restore_lost_lets_a_restriction_be_lifted(tmp_path: Path) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    with office(wd) as found:
        restriction = found.closed("restriction")
    backup(wd, kept)
    with office(wd) as found:
        objection = found.closed("objection")
    restore(wd, kept)
    with office(wd) as found:
        with pytest.raises(RequestError, match=objection.id):
            found.desk.saga.lift(restriction.id, ADA, TOLD)
        assert not used(found)
        assert not found.desk.requests.course(restriction.id).lifted


def test_who_allowed_the_use_again_is_set_aside_again(tmp_path: Path) -> None:
    wd, kept = tmp_path / "wd", tmp_path / "backup"
    with office(wd) as found:
        before = sorted(found.rows)
        backup(wd, kept)
        found.closed("objection")
        shutil.copy(kept / CSV, wd)
        found.desk.saga.replay()
        assert not used(found)
        assert found.desk.saga.allow_again(PERSON, ADA) == {f"table {CSV}": 10}
        assert not any(found.desk.saga.replay().values())
        assert sorted(found.rows) == before
        with pytest.raises(RequestError, match="in force"):
            found.desk.saga.allow_again(PERSON, ADA)
        entries = [each for each in AuditLog(found.store).entries() if each.action == "lift-tombstone"]
        assert [list(each.detail) for each in entries] == [["held"], ["held"]]  # of rows, and of consents
        assert PERSON not in str(entries)


def test_somebody_is_let_in_again_without_a_trace(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as found:
        found.closed()
        mark = found.desk.tombstones.lift("people", PERSON, ADA)
        assert found.desk.tombstones.lift("people", PERSON, ADA) is None
        entries = [each for each in AuditLog(found.store).entries() if each.action == "lift-tombstone"]
    assert [(each.who, each.subject) for each in entries] == [(ADA.who, mark)]
    assert PERSON not in str(entries)


def test_nothing_is_erased_where_marks_cannot_be_kept(tmp_path: Path) -> None:
    from homespun_server.errors import OutputError

    with office(tmp_path / "wd") as found:
        (tmp_path / "wd" / FOLDER).write_text("not a folder")
        request = found.opened()
        with pytest.raises(OutputError, match=r"(?i)nothing was erased"):
            found.desk.saga.work(request.id, ADA)
        assert has(found, PERSON)


class Restoring(RuleBasedStateMachine):
    """Backups, erasures and restores of any part in any order; every start replays."""

    @initialize()
    def start(self) -> None:
        self.folder = TemporaryDirectory()
        self.wd = Path(self.folder.name) / "wd"
        self.erased: set[str] = set()
        self.backups = 0
        with office(self.wd) as found:
            found.known()
            found.known(OTHER)
        self.back_up()

    @rule()
    def back_up(self) -> None:
        backup(self.wd, Path(self.folder.name) / f"backup-{self.backups}")
        self.backups += 1

    @rule(person=st.sampled_from([PERSON, OTHER]))
    def erase(self, person: str) -> None:
        with office(self.wd) as found:
            found.closed(person=person)
        self.erased.add(person)

    @rule(which=st.integers(0, 9), parts=st.sets(st.sampled_from(BACKED_UP), min_size=1))
    def restore(self, which: int, parts: set[str]) -> None:
        kept = Path(self.folder.name) / f"backup-{which % self.backups}"
        for part in parts:
            for path in self.wd.glob(f"{part}*"):
                path.unlink()
            for path in kept.glob(f"{part}*"):
                shutil.copy(path, self.wd)

    @rule()
    def loses_the_file_of_marks(self) -> None:
        # The store still has them as of this moment; both at once are not lost.
        with office(self.wd) as found:
            found.desk.saga.replay()
        (self.wd / FOLDER / FILE).unlink(missing_ok=True)
        with office(self.wd) as found:
            found.desk.saga.replay()

    @invariant()
    def erased_stays_erased(self) -> None:
        if not hasattr(self, "folder"):
            return
        with office(self.wd) as found:
            found.desk.saga.replay()
            assert {person for person in (PERSON, OTHER) if has(found, person)} == {PERSON, OTHER} - self.erased

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


Restoring.TestCase.settings = settings(max_examples=6, stateful_step_count=6, deadline=None)
TestErasedStaysErased = Restoring.TestCase
