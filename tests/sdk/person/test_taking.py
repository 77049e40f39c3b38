"""Taking the profile along at the façade: an export that leaves something out, and one that is restored wrongly."""

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import homespun as hs
from homespun.consent.parts import CACHE, EXPERIMENTS, LEARNING
from homespun.errors import ExportError, ExportKeyError, MisuseError, ProfileStorageError
from homespun.person.export import Recipient, read_export
from homespun.person.taking import restore
from homespun.profile import ProfileStore
from homespun.protocol.export import PORTABLE
from tests.sdk import people
from tests.sdk.people import (
    BOTH,
    EVERY,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    exported,
    items_of,
    queue,
)
from tests.sdk.profile.support import raw_key, traces


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


@pytest.fixture
def elsewhere(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    """Another machine, to which the export is carried."""
    (tmp_path / "elsewhere").mkdir()
    return Machine(tmp_path / "elsewhere", bundle)


def used(machine: Machine) -> hs.Personalizer:
    me = machine.allowed(*EVERY)
    me.record("item-3", "rate", weight=5.0, time=12.5, context={"device": "tv"}, id="order-17")
    machine.clock.advance(40 * 86_400)
    me.record("not in this bundle", "view")
    me.record("item-3", "rate", weight=5.0)
    me.controls.frequency_cap(100, days=30)
    me.controls.hide_item("item-9")
    me.controls.more_like("item-20")
    me.controls.undo()
    me.attributes.set("language", "de")
    for part in (LEARNING, CACHE, EXPERIMENTS):
        me._home.keep(part, "state", b"\0bytes")
    me.recommend(3)
    queue(me, b"waiting")
    return me


def restored(machine: Machine, export: Path, **options: Any) -> hs.Personalizer:
    return hs.Personalizer.import_(
        export, machine.folder, key=raw_key(), notice=NOTICE, bundle=machine.bundle, clock=machine.clock, **options
    )


# Access


def test_something_that_is_kept_is_not_exported(machine: Machine) -> None:
    with used(machine) as me:
        found = exported(me, machine.root / "export.zip")
        assert [(row["item"], row.get("id"), row.get("time")) for row in found["events"]] == [
            ("item-3", "order-17", 12.5),
            ("not in this bundle", None, machine.clock()),
            ("item-3", None, machine.clock()),
        ]
        assert found["events"][0]["title"] == "Title № 3"
        assert "title" not in found["events"][1]
        assert found["attributes"] == [{"name": "language", "value": "de"}]
        assert [row["control"] for row in found["controls"]] == ["frequency_cap", "hide_item", "more_like", "more_like"]
        assert [row["text"] for row in found["controls"]][1:3] == ["never show Title № 9", "more like Title № 20"]
        assert [row["undone"] for row in found["controls"]] == [False, False, True, False]
        assert {row["tag"]: row["events"] for row in found["interests"]} == {"tag-0": 1, "каждый": 1}
        assert {row["purpose"] for row in found["consents"]} == set(map(str, EVERY))
        assert found["consents"][0]["notice"]["text"] == NOTICE.text
        (record,) = me.decisions
        (row,) = found["decisions"]
        assert {row["item"] for row in found["exposures"]} == {told.item for told in record.items}
        assert [told["item"] for told in row["items"]] == [told.item for told in record.items]
        for name in ("learning", "cache", "experiments"):
            assert found[name] == [{"name": "state", "value": base64.b64encode(b"\0bytes").decode()}]
        assert [row["state"] for row in found["egress"]] == ["queued"]
        assert found["outbox"] == [{"sequence": 1, "payload": base64.b64encode(b"waiting").decode()}]


def test_what_an_export_says_about_itself_is_not_so(machine: Machine) -> None:
    with used(machine) as me:
        manifest = me.export(machine.root / "export.zip")
        assert (manifest.profile, manifest.made) == (me._home.profile, machine.clock())
        assert manifest.bundle is not None
        assert (manifest.bundle.id, manifest.bundle.name) == (machine.bundle.id, "Random")
        by_name = {file.name: file for file in manifest.files}
        with ZipFile(machine.root / "export.zip") as archive:
            assert set(archive.namelist()) == {*by_name, "manifest.json"}
            for name, file in by_name.items():
                if name.startswith("data/"):
                    assert len(json.loads(archive.read(name))["rows"]) == file.rows
        # Portable is what the person gave and what they did.
        portable = {name for name, file in by_name.items() if file.category in PORTABLE}
        assert portable == {"data/attributes.json", "data/events.json", "data/exposures.json"}


@pytest.mark.parametrize("how", ["restrict", "object", "non_profiled", "pause", "private", "withdrawn"])
def test_access_is_refused_because_of_another_right(machine: Machine, how: str) -> None:
    with used(machine) as me:
        if how == "private":
            with me.controls.private_session():
                found = exported(me, machine.root / "export.zip")
        else:
            if how == "withdrawn":
                me.consent.withdraw(PERSONALIZATION)
            else:
                getattr(me.controls, how)()
            found = exported(me, machine.root / "export.zip")
        assert len(found["events"]) == 3
        assert found["attributes"]


def test_an_export_of_nothing_fails_or_makes_a_profile(machine: Machine) -> None:
    with machine.open() as me:
        me.controls.hide_item("item-9")
        me.attributes.set("language", "de")
        me.consent.refuse(STORAGE, notice=NOTICE)
        found = exported(me, machine.root / "export.zip")
        assert [row["target"] for row in found["controls"]] == ["item-9"]
        assert found["attributes"] == [{"name": "language", "value": "de"}]
        assert [row["action"] for row in found["consents"]] == ["refuse"]
        assert machine.on_disk() == {"export.zip"}


def test_an_export_replaces_a_file_or_says_another_name(machine: Machine) -> None:
    with used(machine) as me:
        me.export(machine.root / "export.zip")
        with pytest.raises(MisuseError, match="exists"):
            me.export(machine.root / "export.zip")
        with pytest.raises(MisuseError, match=r"\.homespun"):
            me.export(machine.root / "sealed.zip", passphrase="correct horse")  # noqa: S106 - a test's
        with pytest.raises(MisuseError, match="not both"):
            me.export(
                machine.root / "sealed.homespun",
                Recipient.generate()[0],
                passphrase="correct horse",  # noqa: S106 - a test's
            )


@pytest.mark.parametrize("to", ["passphrase", "recipient"])
def test_a_sealed_export_can_be_read_or_opened_by_others(machine: Machine, elsewhere: Machine, to: str) -> None:
    recipient, key = Recipient.generate()
    path = machine.root / "sealed.homespun"
    opens: dict[str, Any] = {"passphrase": "correct horse"} if to == "passphrase" else {"recipient_key": key}
    with used(machine) as me:
        if to == "passphrase":
            me.export(path, passphrase="correct horse")  # noqa: S106 - a test's
        else:
            me.export(path, Recipient.parse(str(recipient)))
    assert traces(machine.root, ["item-3", "Title №", "language", "events", NOTICE.text]) == []
    with pytest.raises(ExportKeyError):
        restored(elsewhere, path)
    with pytest.raises(ExportKeyError):
        restored(elsewhere, path, passphrase="another one")  # noqa: S106 - a test's
    assert elsewhere.on_disk() == set()
    with restored(elsewhere, path, **opens) as again:
        assert len(again.events()) == 3


# Restoring


def test_a_restored_profile_is_another_one(machine: Machine, elsewhere: Machine) -> None:
    with used(machine) as me:
        me.export(machine.root / "export.zip")
        before = (me.events(), me.controls.history(), dict(me.attributes), me.controls.current(), me.interests())
        listed = [(entry.item, entry.score, entry.reason) for entry in me.recommend(10)]
        old = me._home.profile
    elsewhere.clock.advance(40 * 86_400)
    with restored(elsewhere, machine.root / "export.zip") as again:
        now = (again.events(), again.controls.history(), dict(again.attributes), again.controls.current())
        assert (*now, again.interests()) == before
        assert [(entry.item, entry.score, entry.reason) for entry in again.recommend(10)] == listed
        # It is a profile of its own, with a consent of its own; nothing that happened in the old one came along.
        assert again._home.profile not in {"", old}
        assert {record.method for record in again.consent.records()} == {"import"}
        assert [again.consent.granted(each) for each in EVERY] == [each in BOTH for each in EVERY]
        assert (again.decisions.all(), again.ledger.entries()) == ([], ())
    with elsewhere.open() as later:
        assert later.events() == before[0]
        # An event that was recorded there already counts once.
        later.record("item-3", id="order-17")
        assert len(later.events()) == 3


def test_an_export_of_a_paused_or_objecting_person_cannot_be_restored(machine: Machine, elsewhere: Machine) -> None:
    with used(machine) as me:
        me.controls.pause()
        me.controls.object()
        me.export(machine.root / "export.zip")
    with restored(elsewhere, machine.root / "export.zip") as again:
        assert len(again.events()) == 3
        assert again.controls.current().paused
        assert again.controls.current().objected
        assert again.record("item-5") is False


def test_an_export_is_restored_over_a_profile(machine: Machine) -> None:
    with used(machine) as me:
        me.export(machine.root / "export.zip")
        events = me.events()
    with pytest.raises(MisuseError, match="already"):
        restored(machine, machine.root / "export.zip")
    with machine.open() as me:
        assert me.events() == events


def test_a_restoring_that_fails_leaves_half_a_profile(
    machine: Machine, elsewhere: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ProfileStorageError("the disk is full")

    with used(machine) as me:
        me.export(machine.root / "export.zip")
    for method in ("add_events_if", "extend_controls", "set_attribute"):
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, method, refuse)
            with pytest.raises(ProfileStorageError, match="full"):
                restored(elsewhere, machine.root / "export.zip")
        assert elsewhere.on_disk() <= people.AFTERMATH
    with restored(elsewhere, machine.root / "export.zip") as again:
        assert len(again.events()) == 3


def test_what_no_profile_may_hold_is_restored(machine: Machine, elsewhere: Machine) -> None:
    with used(machine) as me:
        me.export(machine.root / "export.zip")
    imported = read_export(machine.root / "export.zip")
    with elsewhere.open() as again:
        with pytest.raises(ExportError, match="attribute"):
            restore(again._home, dataclasses.replace(imported, attributes={"language": None}), NOTICE)
        with again.controls.private_session(), pytest.raises(MisuseError, match="private session"):
            restore(again._home, imported, NOTICE)
        assert again.sizes() is None
        assert elsewhere.on_disk() <= people.AFTERMATH


def test_a_changed_export_is_restored(machine: Machine, elsewhere: Machine) -> None:
    path = machine.root / "export.zip"
    with used(machine) as me:
        me.export(path)
    with ZipFile(path) as archive:
        events = archive.getinfo("data/events.json")
    data = bytearray(path.read_bytes())
    # Within what is packed, behind the member's own header.
    data[events.header_offset + 30 + len(events.filename) + events.compress_size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ExportError):
        restored(elsewhere, path)
    assert elsewhere.on_disk() == set()


def test_many_events_lose_their_order_on_the_way(machine: Machine, elsewhere: Machine) -> None:
    events = [hs.Event(f"item-{number * 7 % 40}", time=float(number)) for number in range(12_345)]
    with machine.allowed(*BOTH) as me:
        me.record_many(events)
        me.export(machine.root / "export.zip")
    with restored(elsewhere, machine.root / "export.zip") as again:
        assert again.events() == events


def test_an_attribute_that_the_application_does_not_know_is_lost_on_the_way(
    machine: Machine, elsewhere: Machine
) -> None:
    with machine.allowed(STORAGE, settings=hs.Settings(attributes=("shoe_size",))) as me:
        me.attributes.set("shoe_size", 43)
        me.export(machine.root / "export.zip")
    with restored(elsewhere, machine.root / "export.zip") as again:
        assert dict(again.attributes) == {"shoe_size": 43}


def test_an_ephemeral_profile_cannot_be_taken_along(machine: Machine, elsewhere: Machine) -> None:
    with machine.allowed(*BOTH, key=hs.Key.ephemeral()) as me:
        me.record("item-3")
        me.export(machine.root / "export.zip")
    assert items_of(read_export(machine.root / "export.zip").events) == ["item-3"]
    with hs.Personalizer.import_(
        machine.root / "export.zip", None, key=hs.Key.ephemeral(), notice=NOTICE, bundle=machine.bundle
    ) as again:
        assert items_of(again.events()) == ["item-3"]
    assert elsewhere.on_disk() == set()
