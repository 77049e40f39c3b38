"""An answer is executed that nobody gave, that was taken back, that another person gave, or that nobody asks for."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import ANSWERS
from homespun.errors import MisuseError, ProfileBusyError, ProfileStorageError, TransportError
from tests.sdk.asked.operator_of import ALLOWED, REQUESTS, Device, World, world_of
from tests.sdk.asked.test_asked import DAY, asked, states
from tests.sdk.people import NOTICE, STORAGE


@pytest.fixture
def world(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Iterator[World]:
    with world_of(tmp_path, bundle, bundle_folder) as made:
        yield made


@pytest.fixture
def device(world: World) -> Device:
    return world.device()


def fails(me: hs.Personalizer, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let no erasure come to an end."""

    def erase() -> hs.Receipt:
        raise error

    monkeypatch.setattr(me._home, "erase", erase)


def try_erasure(world: World, me: hs.Personalizer, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Be asked for an erasure, which the person wants and which does not come to an end."""
    me.record(world.bundle.items[0])
    asked(world, me, "erasure")
    with monkeypatch.context() as patch:
        fails(me, patch, error)
        with pytest.raises(type(error)):
            me.requests.answer("r-1")


BUSY = ProfileBusyError("others have it open")
DISK = ProfileStorageError("the disk refuses")


# What was taken back.


@pytest.mark.parametrize("error", [BUSY, DISK], ids=["busy", "disk"])
def test_declining_an_erasure_that_failed_erases(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with device.allowed() as me:
        try_erasure(world, me, monkeypatch, error)
        assert me.requests.answer("r-1", decline=True) is None
        me.requests.sync()
        assert me.consent.granted(STORAGE)
    with device.open() as me:
        assert me.consent.granted(STORAGE)
    assert states(world) == ["declined"]
    assert not device.promised.exists()


def test_a_look_erases_what_was_busy_when_the_person_wanted_it(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with device.allowed() as me:
        try_erasure(world, me, monkeypatch, BUSY)
        assert me.requests.show("r-1").state == "open"
        me.requests.sync(force=True)
        assert me.consent.granted(STORAGE)
    assert states(world) == ["pending"]


def test_two_programs_have_the_profile_open_and_a_decline_erases_it(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        with device.open(), pytest.raises(ProfileBusyError):
            me.requests.answer("r-1")
        assert me.requests.answer("r-1", decline=True) is None
        assert me.consent.granted(STORAGE)
    assert states(world) == ["declined"]


def test_a_decline_does_not_replace_what_was_begun(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "restriction")

        def die(name: str) -> None:
            if name == "answer: begun":
                raise KeyboardInterrupt

        me.requests._step = die
        with pytest.raises(KeyboardInterrupt):
            me.requests.answer("r-1")
    with device.open() as me:
        me.requests.answer("r-1", decline=True)
        assert not me.controls.current().restricted
    assert states(world) == ["declined"]


@pytest.mark.parametrize("again", [False, True], ids=["withdrawn", "allowed again"])
@pytest.mark.parametrize("execute", [(), ("erasure",)], ids=["person", "application"])
def test_a_withdrawal_does_not_stop_an_erasure_that_failed_once(
    world: World, monkeypatch: pytest.MonkeyPatch, execute: tuple[str, ...], *, again: bool
) -> None:
    device = world.device(execute=execute)
    with device.allowed() as me:
        me.requests.sync()
        world.server.requests.add("r-1", kind="erasure")
        world.publish()
        with monkeypatch.context() as patch:
            fails(me, patch, DISK)
            me.requests.sync(force=True)
            if not execute:
                with pytest.raises(ProfileStorageError):
                    me.requests.answer("r-1")
        assert device.beside.promise is not None
        me.consent.withdraw(REQUESTS)
        if again:
            me.consent.grant(REQUESTS, notice=NOTICE)
            me.requests.register()
        me.requests.sync()
        assert me.consent.granted(STORAGE)
        assert not device.promised.exists()
    with device.open() as me:
        assert me.consent.granted(STORAGE)


def test_a_promise_erases_the_profile_that_came_after(world: World, device: Device) -> None:
    """The program dies between the erasure and its receipt; the person begins anew in a program that nobody asks."""
    with device.allowed() as me:
        asked(world, me, "erasure")

        def die(name: str) -> None:
            if name == "erasure: done":
                raise KeyboardInterrupt

        me.requests._step = die
        with pytest.raises(KeyboardInterrupt):
            me.requests.answer("r-1")
        assert device.beside.promise is not None
        me.consent.grant(*ALLOWED, notice=NOTICE)
        me.requests.register()
        me.record(world.bundle.items[1])
    with device.open() as me:
        me.requests.sync()
        assert me.consent.granted(STORAGE)
        assert len(me.events()) == 1


# Another person.


@pytest.mark.parametrize("kind", ["erasure", "restriction"])
def test_the_request_of_one_person_is_executed_on_another(world: World, device: Device, kind: str) -> None:
    with device.allowed() as me:
        asked(world, me, kind)
    device.account, device.execute = "bob", (kind,)
    with device.open() as me:
        me.record(world.bundle.items[0])
        assert me.requests.pending() == ()
        with pytest.raises(MisuseError, match="never asked"):
            me.requests.answer("r-1")
        assert me.requests.sync(force=True).answered == ()
        assert me.consent.granted(STORAGE)
        assert not me.controls.current().restricted
        assert me._home.kept(ANSWERS) == {}
    assert states(world) == ["pending"]


def test_the_promise_of_one_person_erases_another(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with device.allowed() as me:
        try_erasure(world, me, monkeypatch, DISK)
    device.account = "bob"
    with device.open() as me:
        me.requests.sync()
        assert me.consent.granted(STORAGE)
    assert not device.promised.exists()


def test_a_registration_leaves_for_who_is_no_longer_logged_in(world: World, device: Device) -> None:
    with device.allowed() as me:
        world.operator.away = True
        me.requests.sync()
    device.account = "bob"
    world.operator.away = False
    world.pass_(DAY)
    with device.open() as me:
        me.requests.sync()
    assert world.operator.paths() == ["registrations"]
    assert b'"bob"' in world.operator.arrived[0][1]


def test_who_allows_requests_anew_answers_as_the_device_before(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        me.consent.withdraw(REQUESTS)
        me.consent.grant(REQUESTS, notice=NOTICE)
        assert me._home.kept(ANSWERS) == {}
        me.requests.sync(force=True)
        world.pass_(3600)
        world.publish()
        assert me.requests.sync(force=True).found == ("r-1",)
        me.requests.answer("r-1")
    assert sorted(states(world)) == ["done", "pending"]


# What nobody asks any more.


def test_a_request_that_is_no_longer_on_the_list_is_executed(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
    world.server.requests.open.clear()
    device.execute = ("erasure",)
    world.pass_(DAY)
    world.publish()
    with device.open() as me:
        assert me.requests.sync(force=True).answered == ()
        assert me.requests.pending() == ()
        assert "no longer asked" in str(me.requests.show("r-1"))
        with pytest.raises(MisuseError, match="no longer asked"):
            me.requests.answer("r-1")
        assert me.consent.granted(STORAGE)
        world.server.requests.add("r-1", kind="erasure")
        world.pass_(3600)
        world.publish()
        assert me.requests.sync(force=True).answered == ("r-1",)
        assert not me.consent.granted(STORAGE)


def test_a_request_is_executed_by_a_list_that_is_over(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
    device.execute = ("erasure",)
    world.pass_(10 * DAY)
    with device.open() as me:
        assert me.requests.sync(force=True).answered == ()
        assert me.consent.granted(STORAGE)


def test_a_request_is_executed_long_after_its_deadline(world: World) -> None:
    device = world.device(execute=("erasure",))
    with device.allowed() as me:
        me.requests.sync()
        world.server.requests.add("r-1", kind="erasure", day="2026-10-01")
        world.pass_(80 * DAY)
        world.publish()
        outcome = me.requests.sync(force=True)
        assert (outcome.found, outcome.answered) == (("r-1",), ())
        assert me.consent.granted(STORAGE)
        assert [view.asked.request for view in me.requests.pending()] == ["r-1"]


def test_a_list_from_the_future_silences_a_device(world: World, device: Device) -> None:
    with device.allowed() as me:
        me.requests.sync()
        world.server.clock.now += timedelta(days=300)
        world.publish()
        assert "a time to come" in (me.requests.sync(force=True).problem or "")
        world.server.clock.now -= timedelta(days=300)
        world.server.requests.add("r-9")
        world.pass_(DAY)
        world.publish()
        assert me.requests.sync(force=True).found == ("r-9",)


# One thing keeps all others from being done.


def test_a_request_that_cannot_be_executed_blocks_all_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    device = world.device(execute=("erasure", "restriction"))
    with device.allowed() as me:
        me.requests.sync()
        world.server.requests.add("r-1", kind="erasure")
        world.server.requests.add("r-2", kind="restriction")
        world.publish()
        fails(me, monkeypatch, BUSY)
        outcome = me.requests.sync(force=True)
        assert outcome.answered == ("r-2",)
        assert "others have it open" in (outcome.problem or "")
    assert (states(world, "r-1"), states(world, "r-2")) == (["pending"], ["done"])


def test_a_voucher_that_cannot_be_had_blocks_answers(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me)
        world.operator.away = True
        me.requests.answer("r-1")
        world.operator.away = False
        world.pass_(91 * DAY)

        def voucher(_: str) -> str:
            raise OSError("the backend is away")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.server.devices, "voucher", voucher)
            assert "the backend is away" in (me.requests.sync().problem or "")
    assert states(world) == ["done"]


def test_a_receipt_that_is_not_taken_keeps_a_registration_back(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
        me.consent.grant(*ALLOWED, notice=NOTICE)
        world.operator.away = False
        send = me._home.egress._transport.send

        class Picky:
            def send(self, destination: str, payload: bytes) -> bytes | None:
                if b"/receipts" in payload:
                    raise TransportError("HTTP 503", may_have_left=False)
                return send(destination, payload)

        me._home.egress._transport = Picky()
        me.requests._means.afterwards._egress._transport = Picky()
        world.pass_(DAY)
        me.requests.sync()
    assert world.operator.paths() == ["registrations", "registrations"]


def test_a_refused_registration_is_repeated_at_every_look(world: World, device: Device) -> None:
    with device.allowed() as me:
        sent: list[float] = []

        class Refusing:
            def send(self, destination: str, payload: bytes) -> bytes:
                sent.append(world.clock())
                raise TransportError("refused it: HTTP 400 the voucher is over.", is_final=True)

        me._home.egress._transport = Refusing()
        for _ in range(10):
            outcome = me.requests.sync()
            world.wait(300)
        assert len(sent) == 1
        assert "the voucher is over" in (outcome.problem or "")
        for _ in range(16):
            world.pass_(DAY)
            me.requests.sync()
        # After one day, two, four and eight.
        assert [round((after - before) / DAY) for before, after in pairwise(sent)] == [1, 2, 4, 8]
        me.requests.register()
        assert len(sent) == 6


# What is told.


def test_nothing_has_ever_left_after_an_erasure_that_was_asked_for(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
        assert "not taken yet" in me.ledger.summary()
        (waiting,) = me.ledger.pending()
        assert b"r-1" in (me.ledger.payload(waiting.of or waiting.sequence) or b"")
        world.operator.away = False
        world.pass_(DAY)
        me.requests.sync()
    with device.open() as me:
        assert "1 receipt" in me.ledger.summary()
        assert "ever" not in me.ledger.summary()
        assert me.ledger.entries()[-1].state == "sent"
        assert device.beside.payloads == {}
        me.consent.grant(*ALLOWED, notice=NOTICE)
        me.requests.sync()
        assert "1 receipt" in me.ledger.summary()
        (total,) = (each for each in me.ledger.totals() if each.purpose == "requests")
        assert total.sent == 2
        me.ledger.verify()


def test_a_receipt_leaves_in_a_private_session(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
        world.operator.away = False
        world.pass_(DAY)
        with me.controls.private_session():
            assert "private" in (me.requests.sync().problem or "")
            assert me.requests._means.afterwards.hand_over() is not None
            assert world.operator.paths() == ["registrations"]
        me.requests.sync()
    assert states(world) == ["done"]


def test_an_erasure_leaves_a_file_that_its_receipt_does_not_name(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
        me.consent.grant(*ALLOWED, notice=NOTICE)
        receipt = me.erase()
        assert device.promised.exists()
        (told,) = (line for line in receipt.out_of_scope if ".asked" in line)
        for word in ("the request's id", "until the operator has taken it"):
            assert word in told
        world.operator.away = False
        world.pass_(DAY)
        me.requests.sync()
        me.consent.grant(*ALLOWED, notice=NOTICE)
        receipt = me.erase()
        assert not any(".asked" in line for line in receipt.out_of_scope)
    assert {path.name for path in device.folder.iterdir() if ".asked" in path.name} == set()
