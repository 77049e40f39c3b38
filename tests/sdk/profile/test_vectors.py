"""Profiles made by released versions are opened by this one, for ever.

``tests/vectors/1/profile`` was made once, with ``Key.bytes(bytes(range(32)))``, from the events and the
consent record below, and ``tests/vectors/2/profile`` by ``tests/sdk/profile/vector.py``. They are never made again: a
failure here means that people would lose their profiles.
"""

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.config import Settings
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.explain.recording import inputs_of
from homespun.home import Home
from homespun.person.export import Contents, write_export
from homespun.profile import Key, Place, Selection, open_profile
from homespun.profile.erasure import erase
from homespun.protocol.controls import FrequencyCap, fold
from homespun.protocol.egress import progress_of, verify_chain
from homespun.protocol.events import Event
from homespun.protocol.receipts import verify
from homespun.testing import FakeClock
from tests.sdk.person.export_contents import rows_of
from tests.sdk.profile import vector
from tests.sdk.profile.support import NOW, created, opened, raw_key, record, vault_of, vaults_of

VECTORS = Path(__file__).parents[2] / "vectors"

LATER_PURPOSES = {Purpose.CONSENT_PROOF, Purpose.REQUESTS}
"""What nobody could allow when the stored profiles were made."""

EVENTS = [
    Event("film-1", "view", 1_700_000_000.5, 3.5, {"device": "tv", "alone": True, "count": 2, "share": 0.25}),
    Event("映画-2", "rate", None, 0.0, {}),
    Event("film-1", "buy"),
]
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?", "en-GB", "7"), now=1_700_000_000.25)


def copy_of(version: str, folder: Path) -> Path:
    return shutil.copytree(VECTORS / version / "profile", folder)


def test_a_profile_of_version_1_cannot_be_read(tmp_path: Path) -> None:
    folder = copy_of("1", tmp_path / "profile")
    with opened(folder) as store:
        assert store.profile_id == "9edd5bb45e241b8b905b6efd6669d9ea"
        assert store.events() == EVENTS
        assert store.view().consent == tuple(msgspec.structs.replace(each, schema=1) for each in RECORDS)
        assert record(store, EVENTS[0]) == 1
        assert store.events() == [*EVENTS, EVENTS[0]]


@pytest.mark.parametrize("key", [raw_key(), Key.recovery(vector.RECOVERY)], ids=["bytes", "recovery"])
def test_a_profile_of_version_2_cannot_be_read(tmp_path: Path, key: Key) -> None:
    folder = copy_of("2", tmp_path / "profile")
    names = [path.name for path in vaults_of(folder)]
    with opened(folder, key, now=vector.LATER + 100) as store:
        assert store.profile_id == vector.PROFILE
        assert store.events() == [*vector.EARLY, *vector.LATE]
        assert store.decisions() == [vector.DECISION]
        assert store.exposures(vector.LATER) == {"film-5": 2, "film-6": 1}
        assert store.kept("learning") == {"bias": bytes(range(16))}
        assert store.kept("cache") == {"empty": b""}
        store.check()
        assert record(store, vector.EARLY[2], now=vector.LATER + 100) == 0
        assert record(store, Event("new"), now=vector.LATER + 100) == 1
    assert [path.name for path in vaults_of(folder)] == names
    assert len(vaults_of(folder, "epoch")) == 2


def test_the_choices_and_controls_of_version_2_cannot_be_read(tmp_path: Path) -> None:
    folder = copy_of("2", tmp_path / "profile")
    with opened(folder, now=vector.LATER) as store:
        view = store.view()
        ledger = ConsentLedger(view.consent)
        allowed = {purpose for purpose in Purpose if ledger.granted(purpose, vector.LATER)}
        assert allowed == set(Purpose) - {Purpose.MEASUREMENT, *LATER_PURPOSES}
        notice = view.consent[0].notice
        assert notice is not None
        assert (notice.text, notice.language, notice.version) == ("May we?", "en-GB", "7")
        steering = fold(view.controls)
        assert steering.hidden_items == {"film-9"}
        assert steering.interests == {"drama": 0.5}
        assert steering.frequency_cap == FrequencyCap(3, 7)
        assert dict(view.attributes) == {"age_band": "30-39", "language": "nb"}
        entries = store.egress_entries()
        verify_chain(entries)
        waiting = [sequence for sequence, each in progress_of(entries).items() if each.waiting]
        assert [store.payload(sequence) for sequence in waiting] == [bytes(8), bytes([1]) * 8]
        assert [Decimal(each.epsilon_spent) for each in entries] == [Decimal("0.5"), Decimal("0.5")]
        assert store.due() == ()


def test_a_receipt_of_a_profile_of_version_2_is_signed_by_another_key(tmp_path: Path) -> None:
    folder = copy_of("2", tmp_path / "profile")
    with opened(folder, now=vector.LATER) as store:
        key = store.device_key
        receipt = erase(folder, store, device_key=key)
    assert receipt.signer == "device"
    verify(receipt, public_key="5fa521584ecb40b572798a7ba72e15f49fb42c61b4f871321c149afd4cd298eb")
    assert receipt.profile == vector.PROFILE
    assert not folder.exists()


def test_this_version_writes_other_names_and_layouts_than_version_2(tmp_path: Path) -> None:
    """Where the layout changes, a new version's vector is made, and this one is migrated."""
    with created(tmp_path / "new") as store:
        record(store, Event("a"))
    place = Place(copy_of("2", tmp_path / "profile"), raw_key(), Settings())
    open_profile(place, NOW).close()
    for kind in ("profile", "state"):
        ours, theirs = (vault_of(each, kind).read_bytes() for each in (tmp_path / "new", tmp_path / "profile"))
        assert ours[16:24] == theirs[16:24]
        assert theirs[16:24] == bytes.fromhex("0800020240402020")


def copied_with_rows(folder: Path) -> Path:
    """The profile of version 2 with a record of each version; all name film-1, film-6 or the interest in drama."""
    copy_of("2", folder)
    with opened(folder, now=vector.LATER) as store:
        store.vaults.look()
        connection = store.vaults.connection(store.vaults.epochs[-1])
        connection.execute("DELETE FROM decision")
        rows = [(vector.LATER + version, "", text) for version, text in vector.ROWS.items()]
        connection.executemany("INSERT INTO decision (time, item, record) VALUES (?, ?, ?)", rows)
    return folder


def test_a_record_of_some_version_cannot_be_read_in_a_profile(tmp_path: Path) -> None:
    with opened(copied_with_rows(tmp_path / "profile"), now=vector.LATER + 100) as store:
        first, second, third = store.decisions()
    assert [record.schema for record in (first, second, third)] == [1, 2, 3]
    assert [[item.item for item in record.items] for record in (first, second, third)] == [
        ["film-5"],
        ["film-6"],
        ["film-5", "film-6"],
    ]
    assert [float(record.items[-1].score) for record in (first, second, third)] == [0.75, 1.0, 1.0]
    assert [part.source for part in second.items[0].attributions] == ["prior", "context", "repeat", "control"]
    assert second.items[0].moves == ("moved up from place 2 to 1, so that unlike items stand side by side",)
    assert (second.inputs, second.digest) == (None, "")
    # What was written stays what its digest is about.
    assert third.computed_digest() == third.digest
    assert msgspec.json.encode(third).decode() == vector.ROWS[3]
    inputs, request = inputs_of(third)
    assert inputs.events is not None
    assert (inputs.events[0], inputs.steering.frequency_cap) == (vector.EARLY[0], FrequencyCap(3, 7))
    assert (request.k, request.seed, request.exclude_seen) == (2, 7, False)


def test_a_record_of_some_version_is_not_exported(tmp_path: Path) -> None:
    place = Place(copied_with_rows(tmp_path / "profile"), raw_key(), Settings())
    home = Home(place, clock=FakeClock(vector.LATER + 100))
    decisions = home.decisions()
    home.close()
    path = tmp_path / "export.zip"
    write_export(path, Contents(profile="", made=NOW, decisions=decisions, titles={"film-5": "Solaris"}))
    rows = rows_of("decisions", path)
    assert [row["titles"] for row in rows] == [["Solaris"], ["film-6"], ["Solaris", "film-6"]]
    assert [row["schema"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({"items": frozenset({"film-5"}), "targets": frozenset({"film-5"})}, [2]),
        ({"items": frozenset({"film-1"}), "targets": frozenset({"film-1"})}, [2]),
        ({"items": frozenset({"film-6"}), "targets": frozenset({"film-6"})}, [1]),
        # Only the inputs of the latest name them.
        ({"items": frozenset({"film-7"}), "targets": frozenset({"film-7"})}, [1, 2]),
        ({"items": frozenset({"film-8"}), "targets": frozenset({"film-8"})}, [1, 2]),
        ({"items": frozenset({"映画-2"}), "targets": frozenset({"映画-2"})}, [1, 2]),
        ({"events": False, "targets": frozenset({"drama"})}, [1]),
        ({"start": vector.LATER + 2, "end": vector.LATER + 3}, [1, 3]),
        ({"items": frozenset({"film-77"}), "targets": frozenset({"film-77"})}, [1, 2, 3]),
    ],
)
def test_a_record_of_some_version_outlives_what_it_names(
    tmp_path: Path, selection: dict[str, Any], left: list[int]
) -> None:
    with opened(copied_with_rows(tmp_path / "profile"), now=vector.LATER + 100) as store:
        store.forget(Selection(**selection))
        assert [record.schema for record in store.decisions()] == left
