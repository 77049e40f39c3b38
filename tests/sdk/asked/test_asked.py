"""A device is asked and answers: with the server's own code at the other end, and the channel between them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import ANSWERS, ASKING
from homespun.errors import MisuseError, NotPermittedError
from homespun.protocol.asking.receipt import parse_receipt
from homespun.protocol.asking.registration import parse_registration
from tests.sdk.asked.operator_of import REQUESTS, URL, Device, World, world_of
from tests.sdk.people import BOTH, NOTICE, STORAGE, exported

DAY = 86_400.0


@pytest.fixture
def world(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Iterator[World]:
    with world_of(tmp_path, bundle, bundle_folder) as made:
        yield made


@pytest.fixture
def device(world: World) -> Device:
    return world.device()


def asked(world: World, me: hs.Personalizer, kind: str = "objection", request: str = "r-1") -> None:
    """Register, be asked, and look."""
    me.requests.sync()
    world.server.requests.add(request, kind=kind)  # type: ignore[arg-type]
    world.publish()
    outcome = me.requests.sync(force=True)
    assert outcome.problem is None
    assert request in outcome.found


def states(world: World, request: str = "r-1") -> list[str]:
    return list(world.server.states(request).values())


def test_what_is_asked_does_not_reach_the_person(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "restriction")
        (view,) = me.requests.pending()
        assert view.asked.kind == "restriction"
        for told in ("r-1", "gdpr", "2026-12-24", "logged in", "stop using it"):
            assert told in str(view)
        assert me.requests.show("r-1") == view
        assert not me.controls.current().restricted
    assert states(world) == ["pending"]


def test_an_answer_does_not_reach_the_operator(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "restriction")
        me.requests.answer("r-1")
        assert me.controls.current().restricted
        assert me.requests.pending() == ()
        receipt = parse_receipt(me.requests.show("r-1").receipt)
        assert (receipt.settings, receipt.by, receipt.outcome) == (("restriction",), "person", "done")
        with pytest.raises(MisuseError, match="answered already"):
            me.requests.answer("r-1")
    assert states(world) == ["done"]
    assert world.operator.paths() == ["registrations", "receipts"]


def test_a_person_cannot_decline(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        me.requests.answer("r-1", decline=True)
        assert me.consent.granted(STORAGE)
    assert states(world) == ["declined"]


@pytest.mark.parametrize("kind", ["access", "portability", "explanation"])
def test_a_file_is_not_proven(world: World, device: Device, kind: str) -> None:
    with device.allowed() as me:
        asked(world, me, kind)
        with pytest.raises(MisuseError, match="needs the digest"):
            me.requests.answer("r-1")
        me.export(device.folder / "mine.zip")
        digest = hashlib.sha256((device.folder / "mine.zip").read_bytes()).hexdigest()
        me.requests.answer("r-1", digest=digest)
        assert parse_receipt(me.requests.show("r-1").receipt).digest == digest
    assert states(world) == ["done"]


def test_an_opt_out_leaves_something_on(world: World, device: Device) -> None:
    with device.allowed(*hs.Purpose) as me:
        asked(world, me, "opt-out")
        me.requests.answer("r-1")
        assert not me.consent.granted(hs.Purpose.CONTRIBUTION)
        assert not me.consent.granted(hs.Purpose.MEASUREMENT)
        assert me.consent.granted(REQUESTS)
        settings = parse_receipt(me.requests.show("r-1").receipt).settings
        assert settings == ("off:contribution", "off:measurement")
    assert states(world) == ["done"]


def test_something_is_executed_that_the_application_did_not_configure(world: World) -> None:
    device = world.device(execute=("objection",))
    with device.allowed() as me:
        me.requests.sync()
        world.server.requests.add("r-1", kind="objection")
        world.server.requests.add("r-2", kind="erasure")
        world.publish()
        outcome = me.requests.sync(force=True)
        assert outcome.answered == ("r-1",)
        assert me.controls.current().objected
        assert parse_receipt(me.requests.show("r-1").receipt).by == "application"
        assert [view.asked.request for view in me.requests.pending()] == ["r-2"]
        assert me.consent.granted(STORAGE)
    assert (states(world, "r-1"), states(world, "r-2")) == (["done"], ["pending"])


# Permission.


def test_a_device_registers_or_looks_without_leave(world: World, device: Device) -> None:
    world.publish()
    with device.allowed(*BOTH) as me:
        outcome = me.requests.sync(force=True)
        assert "does not allow" in (outcome.problem or "")
        with pytest.raises(NotPermittedError):
            me.requests.register()
        assert me.ledger.entries() == ()
    assert world.operator.arrived == []


def test_a_withdrawal_leaves_keys_or_lets_something_out(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        world.operator.away = True
        me.requests.answer("r-1")
        before = me._home.kept(ASKING)
        assert before
        me.consent.withdraw(REQUESTS)
        world.operator.away = False
        world.pass_(DAY)
        me.requests.sync(force=True)
        assert world.operator.paths() == ["registrations"]
        with pytest.raises(MisuseError):
            me.requests.answer("r-1")
        me.consent.grant(REQUESTS, notice=NOTICE)
        assert me._home.kept(ASKING) == {}
        me.requests.sync(force=True)
        assert world.operator.paths()[:2] == ["registrations", "registrations"]
        first, second = (parse_registration(raw) for path, raw in world.operator.arrived if "regis" in path)
        assert first.device != second.device
        assert first.key != second.key


def test_a_private_session_answers_or_looks(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        with me.controls.private_session():
            assert me.requests.sync(force=True).problem
        assert world.operator.paths() == ["registrations"]


def test_an_export_holds_the_keys(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        found = exported(me, device.folder / "mine.zip")
        raw = (device.folder / "mine.zip").read_bytes()
        private = me._home.kept(ASKING)["device"]
    assert any("r-1" in str(row) for row in found[ANSWERS.section or ""])
    assert "asking" not in found
    assert private not in raw
    assert private.hex() not in str(found)


# What leaves.


def test_an_upload_is_not_in_the_ledger_or_cannot_be_read(world: World, device: Device) -> None:
    with device.allowed() as me:
        world.operator.away = True
        me.requests.sync()
        waiting = me.ledger.pending()[-1]
        payload = me._home.log.payload(waiting.of or waiting.sequence) or b""
        assert b'"account":"ada"' in payload
        assert (waiting.purpose, waiting.destination, waiting.epsilon_spent) == ("requests", URL, "0")
        world.operator.away = False
        world.pass_(3600)
        asked(world, me)
        me.requests.answer("r-1")
        whats = [entry.what for entry in me.ledger.entries() if entry.purpose == "requests" and entry.of is None]
        assert whats[0].startswith("registration/")
        assert whats[1].startswith("receipt/r-1/")
        me.ledger.verify()


def test_a_receipt_is_given_up(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        world.operator.away = True
        me.requests.answer("r-1")
        for _ in range(20):
            world.pass_(DAY)
            me.requests.sync()
        world.operator.away = False
        for _ in range(3):
            world.pass_(DAY)
            me.requests.sync()
    assert states(world) == ["done"]
    assert world.operator.paths().count("receipts") == 1


def test_a_device_is_forgotten_by_the_operator_while_it_is_used(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        for _ in range(10):
            world.pass_(30 * DAY)
            world.publish()
            me.requests.sync()
    assert states(world) == ["pending"]
    assert world.operator.paths() == ["registrations"] * 4


def test_another_account_is_asked_as_the_one_before(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
    device.account = "eve"
    with device.open() as me:
        me.requests.sync(force=True)
    first, second = (parse_registration(raw) for _, raw in world.operator.arrived)
    assert (first.account, second.account) == ("ada", "eve")
    assert first.device != second.device


# The list.


def test_an_older_list_is_believed(world: World, device: Device) -> None:
    with device.allowed() as me:
        me.requests.sync()
        old = world.publish()
        world.pass_(3600)
        world.publish()
        me.requests.sync(force=True)
        world.repository.list_requests(old)
        assert "older list" in (me.requests.sync(force=True).problem or "")


def test_a_list_that_is_over_is_believed(world: World, device: Device) -> None:
    with device.allowed() as me:
        me.requests.sync()
        world.publish()
        world.pass_(4 * DAY)
        assert "holds back" in (me.requests.sync(force=True).problem or "")


def test_metadata_from_before_brings_back_a_list(world: World, device: Device) -> None:
    """Whoever serves the files puts everything back, signatures included."""
    with device.allowed() as me:
        me.requests.sync()
        world.publish()
        old = dict(world.repository.files)
        world.pass_(3600)
        world.server.requests.add()
        world.publish()
        me.requests.sync(force=True)
        world.repository.files.clear()
        world.repository.files.update(old)
        outcome = me.requests.sync(force=True)
        assert outcome.problem is not None
        assert [view.asked.request for view in me.requests.pending()] == ["r-1"]


def test_nothing_is_asked_and_something_is_done(world: World, device: Device) -> None:
    with device.allowed() as me:
        assert me.requests.sync(force=True).problem is None
        world.publish()
        outcome = me.requests.sync(force=True)
        assert (outcome.found, outcome.answered, outcome.problem) == ((), (), None)
    assert world.operator.paths() == ["registrations"]


def test_an_application_that_gave_nothing_is_asked(tmp_path: Path, bundle: hs.Bundle) -> None:
    with hs.Personalizer.open(tmp_path / "p", key=hs.Key.ephemeral(), bundle=bundle) as me:
        assert not me.requests.is_on
        with pytest.raises(MisuseError, match="nobody may ask"):
            me.requests.sync()


def test_an_account_is_called_like_an_installation() -> None:
    with pytest.raises(MisuseError, match="account-"):
        hs.Requests(url="https://films.example", key="9a" * 32, account="9f" * 16, voucher="")
