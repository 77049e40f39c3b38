"""Attacks on the ledger of what left, and its golden vector.

``tests/vectors/1/egress.json`` was written once, from the history in ``made``. It is never made again: a failure
here means that ledgers which people keep would no longer verify.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from homespun.errors import LedgerError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.egress import (
    FIRST_PREVIOUS,
    EgressBook,
    EgressEntry,
    State,
    from_json_lines,
    progress_of,
    to_json_lines,
    verify_chain,
)
from homespun.protocol.egress_entry import entry_hash
from homespun.protocol.epsilon import STEPS

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "egress.json"

Entries = tuple[EgressEntry, ...]


def queue(book: EgressBook, payload: bytes, **changed: Any) -> EgressEntry:
    values: dict[str, Any] = {
        "what": "item-counts/1",
        "purpose": "contribution",
        "consent": 3,
        "destination": "https://collect.example.org",
        "idempotent": True,
        "epsilon": STEPS // 2,
    }
    return book.queue(payload, **(values | changed))


def made(payloads: bytes = b"ABC") -> Entries:
    """One sent at the second attempt, one that may have left, one cancelled before it left."""
    book = EgressBook((), ceiling=8 * STEPS, time=1_700_000_000.25)
    for payload in payloads:
        queue(book, b"share %d" % payload)
    steps: list[tuple[int, State, str]] = [
        (1, "sending", ""),
        (1, "unsent", "no connection to “collect”"),
        (2, "sending", ""),
        (3, "cancelled", "consent was withdrawn"),
        (1, "sending", ""),
        (1, "sent", ""),
        (2, "failed", "timed out"),
    ]
    later = EgressBook(book.added, ceiling=8 * STEPS, time=1_700_000_060)
    for of, state, note in steps:
        later.follow(of, state, note)
    return (*book.added, *later.added)


def rehashed(entries: Entries, start: int) -> Entries:
    """Return the entries with a chain that fits again from position ``start`` on: what an attacker would do."""
    kept = list(entries[:start])
    for entry in entries[start:]:
        linked = replace(entry, previous=kept[-1].hash if kept else FIRST_PREVIOUS)
        kept.append(replace(linked, hash=entry_hash(linked)))
    return tuple(kept)


def test_a_ledger_of_an_earlier_version_no_longer_verifies() -> None:
    stored = msgspec.json.decode(VECTOR.read_bytes(), type=Entries)
    verify_chain(stored, head=stored[-1].hash)
    assert stored == made()


def test_somebody_without_homespun_cannot_check_the_chain() -> None:
    previous = "0" * 64
    for fields in json.loads(VECTOR.read_text(encoding="utf-8")):
        stated = fields.pop("hash")
        assert fields["previous"] == previous
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(b"homespun egress entry 1\n" + text.encode()).hexdigest()
        assert stated == previous


def test_an_empty_ledger_does_not_verify() -> None:
    verify_chain(())
    verify_chain((), head=FIRST_PREVIOUS)


OTHER: dict[str, Any] = {
    "schema": 2,
    "sequence": 99,
    "time": "1.000",
    "state": "cancelled",
    "of": 1,
    "what": "other",
    "size": 1,
    "payload_sha256": "a" * 64,
    "purpose": "measurement",
    "consent": 4,
    "destination": "https://elsewhere.example.org",
    "idempotent": False,
    "epsilon_spent": "0.4",
    "epsilon_left": "7.25",
    "note": "other",
    "previous": "a" * 64,
    "hash": "a" * 64,
}


def test_the_attacks_forget_a_field() -> None:
    assert set(OTHER) == set(EgressEntry.__struct_fields__)


@pytest.mark.parametrize("position", range(10))
@pytest.mark.parametrize("field", OTHER)
def test_edit(field: str, position: int) -> None:
    entries = made()
    edited = list(entries)
    edited[position] = replace(entries[position], **{field: OTHER[field]})
    if edited[position] == entries[position]:
        edited[position] = replace(entries[position], **{field: {"state": "sent", "of": 2}[field]})
    with pytest.raises(LedgerError, match=f"Entry {position + 1} of the ledger "):
        verify_chain(edited)


@pytest.mark.parametrize("position", range(9))
def test_edit_and_rehash_one_entry(position: int) -> None:
    entries = list(made())
    edited = replace(entries[position], note="nothing happened")
    entries[position] = replace(edited, hash=entry_hash(edited))
    with pytest.raises(LedgerError, match=f"Entry {position + 2} of the ledger does not continue"):
        verify_chain(entries)


@pytest.mark.parametrize("position", range(9))
def test_delete(position: int) -> None:
    entries = made()
    with pytest.raises(LedgerError, match=f"Entry {position + 1} of the ledger is missing"):
        verify_chain(entries[:position] + entries[position + 1 :])


@pytest.mark.parametrize("position", range(9))
def test_delete_and_renumber(position: int) -> None:
    entries = made()
    rest = [replace(entry, sequence=entry.sequence - 1) for entry in entries[position + 1 :]]
    with pytest.raises(LedgerError, match=f"Entry {position + 1} "):
        verify_chain((*entries[:position], *rest))


@pytest.mark.parametrize("position", range(9))
def test_reorder(position: int) -> None:
    entries = list(made())
    entries[position], entries[position + 1] = entries[position + 1], entries[position]
    with pytest.raises(LedgerError, match=f"Entry {position + 1} "):
        verify_chain(entries)


@pytest.mark.parametrize("count", range(1, 10))
def test_truncate_the_beginning(count: int) -> None:
    with pytest.raises(LedgerError, match="Entry 1 of the ledger is missing"):
        verify_chain(made()[count:])


@pytest.mark.parametrize("count", range(10))
def test_truncate_the_end(count: int) -> None:
    entries = made()
    verify_chain(entries[:count])  # nobody can see it without the head
    with pytest.raises(LedgerError, match=f"entry {count + 1} and those after it are missing"):
        verify_chain(entries[:count], head=entries[-1].hash)


@pytest.mark.parametrize("position", range(1, 10))
def test_splice(position: int) -> None:
    mine, others = made(), made(b"XYZ")
    with pytest.raises(LedgerError, match=f"Entry {position + 1} of the ledger does not continue"):
        verify_chain(mine[:position] + others[position:])


def test_insert() -> None:
    entries = made()
    with pytest.raises(LedgerError, match="Entry 5 of the ledger is missing"):
        verify_chain((*entries[:4], entries[3], *entries[4:]))


def test_replace_the_whole_ledger() -> None:
    mine, others = made(), made(b"XYZ")
    verify_chain(others)  # nobody can see it without the head
    with pytest.raises(LedgerError, match="others took their place"):
        verify_chain(others, head=mine[-1].hash)


def forged(position: int, **changed: Any) -> Entries:
    entries = list(made())
    entries[position] = replace(entries[position], **changed)
    return rehashed(tuple(entries), position)


@pytest.mark.parametrize(
    ("position", "changed"),
    [
        (3, {"of": None}),  # sending nothing that was queued
        (3, {"of": 9}),
        (3, {"of": 4}),
        (3, {"state": "sent"}),  # sent without having begun
        (3, {"state": "failed"}),
        (3, {"state": "queued"}),
        (8, {"state": "sending", "of": 3}),  # sent after it was cancelled
        (8, {"state": "sent", "of": 3}),
        (9, {"state": "sending", "of": 1}),  # sent again
        (9, {"state": "cancelled", "of": 1}),
        (7, {"destination": "https://elsewhere.example.org"}),
        (7, {"size": 1}),
        (9, {"epsilon_spent": "0"}),  # what may have left for free
        (6, {"epsilon_spent": "0.5"}),
        (2, {"epsilon_left": "6.50"}),
        (2, {"note": "\ud800"}),
        (0, {"schema": 2}),
    ],
)
def test_a_new_chain_over_what_cannot_have_happened(position: int, changed: dict[str, Any]) -> None:
    with pytest.raises((LedgerError, MisuseError)) as caught:
        verify_chain(forged(position, **changed))
    if isinstance(caught.value, LedgerError):
        assert f"Entry {position + 1} " in str(caught.value)
    else:
        assert changed["note"] == "\ud800"  # the attacker could not hash it either


def test_a_value_that_cannot_be_hashed_crashes_the_check() -> None:
    entries = made()
    for changed in ({"note": "\ud800"}, {"consent": 1 << 60}, {"epsilon_left": "NaN"}):
        with pytest.raises(LedgerError, match="Entry 1 of the ledger is damaged"):
            verify_chain((replace(entries[0], **changed), *entries[1:]))


def test_the_book_writes_what_cannot_happen() -> None:
    entries = made()
    impossible: list[tuple[int, State]] = [(1, "sending"), (1, "unsent"), (3, "sent"), (3, "sending"), (2, "queued")]
    for of, state in impossible:
        book = EgressBook(entries, ceiling=STEPS, time=0)
        with pytest.raises(LedgerError, match="which cannot follow"):
            book.follow(of, state)
        assert book.added == ()
    with pytest.raises(LedgerError, match="no contribution 4"):
        EgressBook(entries, ceiling=STEPS, time=0).follow(4, "sent")


def test_what_counts_every_time_begins_a_second_time() -> None:
    book = EgressBook((), ceiling=STEPS, time=0)
    queue(book, b"share", idempotent=False)
    for state in ("sending", "failed"):
        book.follow(1, state)
        with pytest.raises(LedgerError, match="'sending' of contribution 1"):
            book.follow(1, "sending")


def test_more_is_spent_than_there_is_and_the_rest_is_negative() -> None:
    book = EgressBook(made(), ceiling=STEPS // 4, time=0)
    assert queue(book, b"share", epsilon=0).epsilon_left == "0"
    assert (book.left, book.spent) == (0, STEPS)


def test_the_sums_of_the_book_drift() -> None:
    entries = made()
    found = progress_of(entries)
    assert [each.last.state for each in found.values()] == ["sent", "failed", "cancelled"]
    assert [each.last.epsilon_spent for each in found.values()] == ["0.5", "0.5", "0"]
    assert [entry.epsilon_left for entry in entries] == ["7.5", "7", "6.5", "6.5", "6.5", "6.5", "7", "7", "7", "7"]


def test_a_book_continues_a_changed_ledger() -> None:
    entries = made()
    changed = (*entries[:-1], replace(entries[-1], note="fine"))
    with pytest.raises(LedgerError, match="Entry 10 of the ledger was changed"):
        EgressBook(changed, ceiling=STEPS, time=0)


def test_an_exported_ledger_differs() -> None:
    entries = made()
    assert from_json_lines(to_json_lines(entries)) == entries
    assert from_json_lines("") == ()
    assert to_json_lines(()) == ""


def test_a_line_separator_in_a_note_makes_two_lines() -> None:
    book = EgressBook((), ceiling=STEPS, time=0)
    queue(book, b"share")
    book.follow(1, "cancelled", "one\u2028two\x85three")
    assert from_json_lines(to_json_lines(book.added)) == book.added


def line(**changed: Any) -> str:
    return canonical(msgspec.structs.asdict(made()[0]) | changed).decode()


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        "{}",
        "[]",
        "null",
        "not JSON",
        line()[:-1],
        " " + line(),
        line() + "\n\n",
        line() + "\r\n",
        line(unknown=1),
        line(state="lost"),
        line(size="5"),
        line(sequence=0),
        line(hash="A" * 64),
        line(epsilon_left="-1"),
        line().replace('"size":8', '"size":1,"size":8'),  # one reader sees the first, another the last
        line().replace("item-counts", "item\\u002dcounts"),
        line(note="x").replace('"x"', '"\\ud800"'),
    ],
)
def test_a_line_shows_one_reader_what_another_does_not_see(text: str) -> None:
    assert text != line()
    with pytest.raises(LedgerError, match=r"Line [12] is"):
        from_json_lines(text)
