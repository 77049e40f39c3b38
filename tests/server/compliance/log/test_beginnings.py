"""A store that was put back could go on as if nothing was lost, or its log begin anew and not say what is missing."""

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import Checkpoint, epoch_of, signed
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.log.beginnings import Beginning, content_of, decoded, verified
from homespun_server.compliance.log.checkpoints import Checkpoints
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.published import Predecessors, continuation, predecessors, read_predecessors
from homespun_server.compliance.log.rows import beginning_reference
from homespun_server.compliance.log.verifying import verify_store
from homespun_server.compliance.log.witness import Witness, create_witness
from homespun_server.errors import TransparencyError
from homespun_server.store import Actor, AuditLog, Store, open_store
from tests.server.compliance.log.support import KEYS, NOON, fill, log_of, rewriting

LOG_KEY = KEYS.log.public_key().public_bytes_raw()
OFFICER = Actor("command log begin-anew", "command")
WHY = "the disk of the store broke"


class Room:
    """A store, the file beside it, and a backup of five signed entries and one more."""

    def __init__(self, folder: Path) -> None:
        self.place, self.backup, self.memory = folder / "store.db", folder / "backup.db", folder / "memory.txt"
        self.other = folder / "other.db"
        self.witness = create_witness(folder / "witness", "witness.example/w1")
        with self.opened() as (_, log):
            fill(log, 5)
            log.checkpoint()
            fill(log, 1)
        shutil.copy(self.place, self.backup)
        with self.opened() as (_, log):
            fill(log, 2)
            self.last = log.checkpoint()

    @contextmanager
    def opened(self, place: Path | None = None) -> Iterator[tuple[Store, TransparencyLog]]:
        with open_store(place or self.place) as store:
            yield store, log_of(store, self.memory)

    def restore(self) -> None:
        shutil.copy(self.backup, self.place)

    def accept(self) -> Checkpoint:
        """Let the witness cosign what began anew."""
        with self.opened() as (store, _):
            last = self.witness.last(LOG_KEY)
            return self.witness.cosign_anew(predecessors(store, 0 if last is None else last.size), LOG_KEY)

    def cosign(self) -> Checkpoint:
        """Let the witness see the log."""
        with self.opened() as (store, _):
            last = self.witness.last(LOG_KEY)
            return self.witness.cosign(continuation(store, 0 if last is None else last.size), LOG_KEY)

    def begin_anew(self, given: Checkpoint | None = None) -> Checkpoint:
        with self.opened() as (_, log):
            return log.begin_anew(WHY, OFFICER, given)

    def told(self) -> tuple[Beginning, ...]:
        with self.opened() as (store, _):
            return read_predecessors(predecessors(store).encode()).verified(LOG_KEY)[1]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def wrong(room: Room) -> set[str]:
    with room.opened() as (store, _):
        return {each.name for each in verify_store(store, LOG_KEY, Memory(room.memory, LOG_KEY)) if each.failed}


def test_something_is_appended_after_a_restore(room: Room) -> None:
    with room.opened() as (_, log):
        assert log.refusal() is None
    room.restore()
    with room.opened() as (_, log):
        assert "older copy of the store was put back" in (log.refusal() or "")
        for change in (lambda: fill(log, 1), log.catch_up, log.checkpoint):
            with pytest.raises(TransparencyError, match="log begin-anew"):
                change()
        # Not the first one that was refused, and none after it, by this process or another.
        with pytest.raises(TransparencyError):
            fill(log, 1)
        assert log.size() == 6
    assert wrong(room) == {"checkpoints"}


def test_a_restore_under_a_running_service_goes_unnoticed(room: Room) -> None:
    with room.opened() as (store, log):
        fill(log, 1)
        with rewriting(store) as connection:
            connection.execute(text("DELETE FROM homespun_log_openings WHERE number >= 6"))
            connection.execute(text("DELETE FROM homespun_log_entries WHERE number >= 6"))
            connection.execute(text("UPDATE homespun_log_head SET size = 6, peaks = substr(peaks, 1, 64)"))
        with pytest.raises(TransparencyError, match="put back"):
            fill(log, 1)


def test_a_new_beginning_hides_what_was_lost(room: Room) -> None:
    room.restore()
    first = room.begin_anew()
    assert (first.size, epoch_of(first, LOG_KEY), first.origin) == (7, 2, f"{room.last.origin}/2")
    (begun,) = room.told()
    assert begun.ended == room.last
    assert begun.continued is not None
    assert (begun.ended.size, begun.continued.size, begun.reason) == (8, 5, WHY)
    assert "a predecessor of 8 entries ended on 2025-03-01T12:00:00+00:00; its last checkpoint is" in begun.told()
    assert "These entries continue its checkpoint of 5 entries; the 3 after them are not shown to be" in begun.told()
    assert wrong(room) == set()
    with room.opened() as (store, log):
        assert log.refusal() is None
        fill(log, 4)
        assert epoch_of(log.checkpoint(), LOG_KEY) == 2
        assert [each.origin for each in log.checkpoints()] == [room.last.origin, first.origin, first.origin]
        (row,) = [each for each in AuditLog(store).entries() if each.action == "begin-log-anew"]
        assert (row.who, row.subject) == (OFFICER.who, room.last.origin)
        assert row.detail == {"reason": WHY, "entries": 8, "root": room.last.root.hex()}
    assert wrong(room) == set()


def test_a_log_ends_without_need_or_reason(room: Room) -> None:
    with room.opened() as (_, log):
        fill(log, 1)
        with pytest.raises(MisuseError, match="nothing to begin anew"):
            log.begin_anew(WHY, OFFICER)
        with pytest.raises(MisuseError, match="nothing to begin anew"):
            log.begin_anew(WHY, OFFICER, room.last)
    room.restore()
    with room.opened() as (store, log):
        for reason in (" ", "x" * 1001):
            with pytest.raises(MisuseError, match="needs a reason"):
                log.begin_anew(reason, OFFICER)
        with pytest.raises(ProofError, match="is of the log"):
            log.begin_anew(WHY, OFFICER, Checkpoint("homespun-log/other", 9, bytes(32)))
        assert log.size() == 6
        # A log that contradicts itself is damaged, and no new name makes it whole.
        with rewriting(store) as connection:
            connection.execute(text("UPDATE homespun_log_nodes SET hash = zeroblob(32) WHERE level = 2"))
        with pytest.raises(TransparencyError, match="damaged"):
            log.begin_anew(WHY, OFFICER)


def test_a_second_restore_takes_back_the_new_beginning(room: Room) -> None:
    room.restore()
    second = room.begin_anew()
    room.restore()
    with room.opened() as (_, log), pytest.raises(TransparencyError, match="older copy of the store was put back"):
        fill(log, 1)
    third = room.begin_anew()
    assert [epoch_of(each, LOG_KEY) for each in (second, third)] == [2, 3]
    (begun,) = room.told()
    assert (begun.ended.body, begun.epoch) == (second.body, 3)
    assert wrong(room) == set()
    shutil.copy(room.place, room.backup)
    with room.opened() as (_, log):
        fill(log, 9)
        log.checkpoint()
    room.restore()
    assert epoch_of(room.begin_anew(), LOG_KEY) == 4
    assert [each.epoch for each in room.told()] == [3, 4]
    assert wrong(room) == set()


def test_a_crash_while_it_begins_anew_stops_the_log(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.restore()
    with monkeypatch.context() as patched:
        patched.setattr(TransparencyLog, "checkpoint", lambda _: pytest.fail("power was lost"))
        with pytest.raises(pytest.fail.Exception):
            room.begin_anew()
    with room.opened() as (_, log):
        fill(log, 1)
        assert epoch_of(log.checkpoint(), LOG_KEY) == 2
    assert wrong(room) == set()


def test_a_crash_with_a_damaged_copy_is_a_dead_end(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = room.cosign()
    room.restore()
    room.memory.write_bytes(b"noise")
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "remember", lambda *_: pytest.fail("power was lost"))
        with pytest.raises(pytest.fail.Exception):
            room.begin_anew(seen)
    with pytest.raises(TransparencyError, match=r"memory\.txt"):
        room.begin_anew()
    assert epoch_of(room.begin_anew(seen), LOG_KEY) == 2
    assert [each.epoch for each in room.told()] == [2]
    with room.opened() as (store, log):
        fill(log, 1)
        assert log.checkpoint().size == 8
        assert len([each for each in AuditLog(store).entries() if each.action == "begin-log-anew"]) == 1
    assert wrong(room) == set()


def test_only_a_witness_knows_of_it(room: Room) -> None:
    seen = room.cosign()
    room.restore()
    room.memory.unlink()  # the whole working directory was put back
    with room.opened() as (_, log):
        fill(log, 1)
        assert log.refusal() is None
        with pytest.raises(TransparencyError, match="checkpoint of 8 entries was signed before"):
            log.add_cosignature(seen.encode())
        # What the witness showed is known from now on.
        with pytest.raises(TransparencyError):
            fill(log, 1)
    room.begin_anew()
    (begun,) = room.told()
    assert begun.ended.body == seen.body


@pytest.mark.parametrize(
    ("kept", "lost", "added", "before", "brought"),
    [
        (5, 7, 5, False, "added"),
        (5, 7, 5, True, "added"),
        (2, 1, 9, True, "added"),
        (5, 7, 9, False, "given"),
        (5, 7, 5, True, "given"),
        (3, 4, 2, True, "given bare"),
    ],
)
def test_what_was_signed_after_a_restore_is_told_as_kept(
    tmp_path: Path, kept: int, lost: int, added: int, *, before: bool, brought: str
) -> None:
    """The whole directory was put back and went on signing; only a witness has what was signed before."""
    place, backup, memory = (tmp_path / name for name in ("store.db", "backup.db", "memory.txt"))
    witness = create_witness(tmp_path / "witness", "witness.example/w1")
    with open_store(place) as store:
        log = log_of(store, memory)
        fill(log, kept)
        log.checkpoint()
        if before:
            log.add_cosignature(witness.cosign(continuation(store, 0), LOG_KEY).encode())
    shutil.copy(place, backup)
    with open_store(place) as store:
        log = log_of(store, memory)
        fill(log, lost)
        log.checkpoint()
        seen = witness.cosign(continuation(store, kept if before else 0), LOG_KEY)
        ended = [each.leaf for each in log.entries()]
    shutil.copy(backup, place)
    memory.unlink()
    with open_store(place) as store:
        log = log_of(store, memory)
        for number in range(added):
            log.append("request", {"after": number}, reference=f"after {number}")
        log.checkpoint()
        if brought == "added":
            with pytest.raises(TransparencyError):
                log.add_cosignature(seen.encode())
            log.begin_anew(WHY, OFFICER)
        else:
            bare = replace(seen, signatures=seen.signatures[:1])
            log.begin_anew(WHY, OFFICER, seen if brought == "given" else bare)
        told = predecessors(store, seen.size)
        (begun,) = told.verified(LOG_KEY)[1]
        assert begun.first_lost == (kept if before and brought != "given bare" else 0)
        assert ended[: begun.first_lost] == [each.leaf for each in log.entries()][: begun.first_lost]
        assert ("Of no checkpoint of it is known" in begun.told()) is (begun.first_lost == 0)
        assert told.lost(seen, LOG_KEY) == seen.size - begun.first_lost
        assert witness.cosign_anew(told, LOG_KEY).size == kept + added + 1


@pytest.mark.parametrize("damaged", [False, True])
def test_it_does_not_begin_without_its_own_copy(room: Room, *, damaged: bool) -> None:
    seen = room.cosign()
    room.restore()
    if damaged:
        room.memory.write_bytes(b"noise")
        with pytest.raises(TransparencyError, match=r"memory\.txt"):
            room.begin_anew()
    else:
        room.memory.unlink()
    assert epoch_of(room.begin_anew(seen), LOG_KEY) == 2
    assert room.told()[0].ended == seen
    assert wrong(room) == set()


def test_a_witness_cosigns_a_new_beginning_unasked(room: Room) -> None:
    room.cosign()
    room.restore()
    room.begin_anew()
    with room.opened() as (store, log):
        with pytest.raises(MisuseError, match="the log began anew"):
            room.witness.cosign(continuation(store, 0), LOG_KEY)
        found = room.accept()
        assert log.add_cosignature(found.encode()).size == 7
        fill(log, 2)
        log.checkpoint()
    assert room.cosign().size == 9
    # What it saw before is still there, for whoever asks.
    (ended,) = room.witness.folder.glob("*ended-1*")
    assert ended.read_bytes() == room.last.encode()
    with room.opened() as (store, _), pytest.raises(MisuseError, match="did not begin anew"):
        room.witness.cosign_anew(predecessors(store), LOG_KEY)


def test_the_log_that_ended_goes_on_beside_the_new_one(room: Room) -> None:
    room.cosign()
    shutil.copy(room.place, room.other)
    room.restore()
    room.begin_anew()
    room.accept()
    room.memory.unlink()
    with room.opened(room.other) as (store, log):
        fill(log, 3)
        log.checkpoint()
        with pytest.raises(MisuseError, match="which has ended"):
            room.witness.cosign(continuation(store, 7), LOG_KEY)


def test_a_new_beginning_names_less_than_a_witness_saw(room: Room, tmp_path: Path) -> None:
    older = Memory(tmp_path / "older.txt", LOG_KEY)
    older.keep(room.last)
    with room.opened() as (_, log):
        fill(log, 4)
        log.checkpoint()
    room.cosign()
    room.restore()
    shutil.copy(tmp_path / "older.txt", room.memory)
    room.begin_anew()
    with room.opened() as (store, _), pytest.raises(ProofError, match="does not name the 12 entries"):
        room.witness.cosign_anew(predecessors(store), LOG_KEY)
    assert list(room.witness.folder.glob("*fork-2-7*"))
    assert (room.witness.last(LOG_KEY) or room.last).size == 12


@pytest.mark.parametrize("way", ["left out", "changed", "another kept", "not in it", "unsigned"])
def test_what_is_said_of_predecessors_is_changed(room: Room, way: str) -> None:
    room.restore()
    room.begin_anew()
    with room.opened() as (store, log):
        told = predecessors(store)
        (shown,) = told.begun
        content = msgspec.json.decode(shown.content, type=Beginning)
        forged = {
            "left out": msgspec.structs.replace(told, begun=()),
            "changed": _saying(told, msgspec.structs.replace(content, reason="planned")),
            "another kept": _saying(told, msgspec.structs.replace(content, kept=content.predecessor)),
            "not in it": msgspec.structs.replace(told, begun=(msgspec.structs.replace(shown, index=3),)),
            "unsigned": msgspec.structs.replace(
                told, checkpoint=replace(log.checkpoint(), size=9, signatures=()).encode().decode() + "— a QUJDREVG\n"
            ),
        }[way]
    with pytest.raises(ProofError):
        forged.verified(LOG_KEY)


def _saying(told: Predecessors, content: Beginning) -> Predecessors:
    shown = msgspec.structs.replace(told.begun[0], content=msgspec.json.encode(content).decode())
    return msgspec.structs.replace(told, begun=(shown,))


def test_a_beginning_that_contradicts_itself_is_believed(room: Room) -> None:
    """What the operator could have committed to, and no honest log would."""
    room.restore()
    room.begin_anew()
    (begun,) = room.told()
    bigger = signed(replace(room.last, size=20), KEYS.log.sign, LOG_KEY).encode().decode()
    later = signed(replace(room.last, origin=f"{room.last.origin}/2"), KEYS.log.sign, LOG_KEY).encode().decode()
    for fields in ({"kept": bigger}, {"predecessor": later}, {"epoch": 1}, {"kept": later}):
        changed = msgspec.structs.replace(begun, **fields)
        with pytest.raises(ProofError):
            verified([(6, changed)], LOG_KEY, NOON)
    with pytest.raises(ProofError):
        verified([(6, begun), (7, begun)], LOG_KEY, NOON)
    for moment in ("9999-12-31T00:00:00+00:00", "2025-03-01T13:00:01+00:00", "2025-02-30T00:00:00+00:00"):
        with pytest.raises(ProofError, match="no time before now"):
            verified([(6, msgspec.structs.replace(begun, begun=moment))], LOG_KEY, NOON)
    for moment in ("later", "2025-03-01", "2025-03-01T12:00:00+01:00"):
        with pytest.raises(ProofError, match="malformed"):
            decoded(msgspec.json.encode(msgspec.structs.replace(begun, begun=moment)))
    assert verified([(6, begun)], LOG_KEY, NOON) == (begun,)


def test_an_earlier_beginning_is_left_out(room: Room) -> None:
    for _ in range(2):
        shutil.copy(room.place, room.backup)
        with room.opened() as (_, log):
            fill(log, 2)
            log.checkpoint()
        room.restore()
        room.begin_anew()
    assert [(each.epoch, each.previous) for each in room.told()] == [(2, None), (3, 8)]
    with room.opened() as (store, _):
        told = predecessors(store)
    for begun in (told.begun[1:], told.begun[:1], told.begun[::-1], (*told.begun, told.begun[1])):
        with pytest.raises(ProofError):
            msgspec.structs.replace(told, begun=begun).verified(LOG_KEY)


def test_what_a_new_beginning_says_is_removed(room: Room) -> None:
    room.restore()
    room.begin_anew()
    with room.opened() as (store, log):
        with rewriting(store) as connection:
            connection.execute(text("DELETE FROM homespun_log_openings WHERE number = 6"))
        with pytest.raises(ProofError, match="what it says was removed"):
            predecessors(store)
        assert log.refusal() is None or "removed" in str(log.refusal())
    assert "predecessors" in wrong(room)


class Forger:
    """An operator who makes another log under the same key, and says that the witness's one was lost."""

    def __init__(self, folder: Path) -> None:
        self.place, self.memory = folder / "forged.db", folder / "forged.txt"

    def begin_anew(self, honest: Checkpoint, kept: Checkpoint | None, more: int = 0, *, of: int = 9) -> Store:
        """Make a log of other entries, which says that one of some more entries than the honest one ended."""
        store = open_store(self.place)
        log = log_of(store, self.memory)
        for number in range(of):
            log.append("request", {"forged": number}, reference=f"forged {number}")
        own = log.checkpoint()
        ended = replace(honest, size=honest.size + more, root=honest.root if not more else b"x" * 32)
        content = content_of(2, "2025-03-01T12:00:00+00:00", WHY, self.sign(ended), own if kept is None else kept, None)
        log.append("log", content, reference=beginning_reference(1))
        log.checkpoint()
        return store

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        return signed(checkpoint, KEYS.log.sign, LOG_KEY)


@pytest.mark.parametrize(("own", "more"), [(8, 1), (9, 2), (10, 30)])
def test_a_rewritten_log_is_cosigned_as_begun_anew(room: Room, tmp_path: Path, own: int, more: int) -> None:
    """What is said to have ended is larger than what the witness saw, and what is said to be kept is other entries."""
    room.cosign()
    with contextlib.closing(Forger(tmp_path).begin_anew(room.last, None, more, of=own)) as store:
        told = predecessors(store, room.last.size)
        with pytest.raises(ProofError, match="not shown to continue the 8 entries"):
            room.witness.cosign_anew(told, LOG_KEY)
    # With what the witness last saw, it shows everybody what the log did.
    (evidence,) = room.witness.folder.glob("*fork-2-*.json")
    with pytest.raises(ProofError, match="forked"):
        read_predecessors(evidence.read_bytes()).lost(room.last, LOG_KEY)
    assert room.witness.last(LOG_KEY) == room.last


def test_another_root_is_said_to_have_ended(room: Room, tmp_path: Path) -> None:
    room.cosign()
    other = Checkpoint(room.last.origin, room.last.size, b"o" * 32)
    with contextlib.closing(open_store(tmp_path / "forged.db")) as store:
        log = log_of(store)
        content = content_of(2, "2025-03-01T12:00:00+00:00", WHY, signed(other, KEYS.log.sign, LOG_KEY), None, None)
        log.append("log", content, reference=beginning_reference(1))
        log.checkpoint()
        with pytest.raises(ProofError, match="does not name the 8 entries"):
            room.witness.cosign_anew(predecessors(store, 8), LOG_KEY)


def test_what_is_said_to_be_continued_is_not(room: Room, tmp_path: Path) -> None:
    """Who saw nothing else has to believe what it says to be kept."""
    forger = Forger(tmp_path)
    kept = forger.sign(Checkpoint(room.last.origin, 5, b"k" * 32))
    with contextlib.closing(forger.begin_anew(room.last, kept, 3)) as store:
        with pytest.raises(ProofError, match="continues the checkpoint of 5 entries: not so"):
            predecessors(store).verified(LOG_KEY)
        assert "predecessors" in {each.name for each in verify_store(store, LOG_KEY) if each.failed}


def test_a_witness_is_not_told_what_is_gone_of_what_it_saw(room: Room) -> None:
    room.cosign()
    room.restore()
    room.begin_anew()
    with room.opened() as (store, _):
        assert predecessors(store, 8).lost(room.last, LOG_KEY) == 3
    # Once the new log is as large, the proof from what was seen is demanded, and fails.
    with room.opened() as (store, log):
        fill(log, 4)
        log.checkpoint()
        with pytest.raises(MisuseError, match="the proof begins at 0 entries, and 8 were seen"):
            room.witness.cosign_anew(predecessors(store), LOG_KEY)
        assert predecessors(store, 8).lost(room.last, LOG_KEY) == 3
    assert room.accept().size == 11


def test_a_witness_that_saw_only_what_is_there_is_told_of_a_loss(room: Room, tmp_path: Path) -> None:
    early = create_witness(tmp_path / "early", "early")
    with open_store(room.backup) as store:
        seen = early.cosign(continuation(store, 0), LOG_KEY)
    room.restore()
    room.begin_anew()
    with room.opened() as (store, _):
        assert predecessors(store, seen.size).lost(seen, LOG_KEY) == 0
        assert early.cosign_anew(predecessors(store, seen.size), LOG_KEY).size == 7


def test_a_witness_is_asked_for_another_log(room: Room, tmp_path: Path) -> None:
    stranger = create_witness(tmp_path / "another", "another")
    assert isinstance(stranger, Witness)
    room.restore()
    room.begin_anew()
    with room.opened() as (store, _):
        # Who saw nothing has nothing to accept, and cosigns as ever.
        with pytest.raises(MisuseError, match="Cosign as ever"):
            stranger.cosign_anew(predecessors(store), LOG_KEY)
        assert stranger.cosign(continuation(store, 0), LOG_KEY).size == 7
