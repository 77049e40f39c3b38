"""An erasure that was asked for: its receipt survives it, says nothing of the profile, and comes in the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from homespun.errors import ProfileBusyError
from homespun.protocol.asking.receipt import parse_receipt, verify
from homespun.protocol.asking.registration import parse_registration
from tests.sdk.asked.operator_of import REQUESTS, Device, World, world_of
from tests.sdk.asked.test_asked import asked, states
from tests.sdk.people import NOTICE, STORAGE

DAY = 86_400.0


@pytest.fixture
def world(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Iterator[World]:
    with world_of(tmp_path, bundle, bundle_folder) as made:
        yield made


@pytest.fixture
def device(world: World) -> Device:
    return world.device()


def test_the_receipt_goes_with_the_profile(world: World, device: Device) -> None:
    with device.allowed() as me:
        me.record(world.bundle.items[0])
        profile = me._home.profile
        asked(world, me, "erasure")
        mine = me.requests.answer("r-1")
        assert mine is not None
        assert mine.profile == profile
        assert not me.consent.granted(STORAGE)
    assert states(world) == ["done"]
    (registered,) = (parse_registration(raw) for path, raw in world.operator.arrived if "regis" in path)
    raw = world.operator.arrived[-1][1]
    received = parse_receipt(raw)
    verify(received, registered.key)
    assert received.erasure is not None
    assert [store.level for store in received.erasure.stores] == [store.level for store in mine.stores]
    assert profile.encode() not in raw
    assert (device.beside.promise, device.beside.payloads) == (None, {})


def test_the_receipt_is_lost_while_the_operator_is_away(world: World, device: Device) -> None:
    with device.allowed() as me:
        me.record(world.bundle.items[0])
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
    held = device.promised.read_bytes()
    for secret in (world.bundle.items[0], "ada"):
        assert secret.encode() not in held
    assert device.beside.promise is None
    assert len(device.beside.payloads) == 1
    for _ in range(30):
        world.pass_(DAY)
        with device.open() as me:
            me.requests.sync()
    assert states(world) == ["pending"]
    world.operator.away = False
    world.pass_(DAY)
    with device.open() as me:
        me.requests.sync()
    assert states(world) == ["done"]
    assert (device.beside.promise, device.beside.payloads) == (None, {})


def test_a_promised_erasure_is_forgotten_when_the_program_ends(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")

        def die(name: str) -> None:
            if name == "erasure: promised":
                raise KeyboardInterrupt

        me.requests._step = die
        with pytest.raises(KeyboardInterrupt):
            me.requests.answer("r-1")
        assert me.consent.granted(STORAGE)
    with device.open() as me:
        assert not me.consent.granted(STORAGE)
        me.requests.sync()
    assert states(world) == ["done"]


def test_an_erasure_that_others_hold_up_happens_later_by_itself(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")

        def busy() -> hs.Receipt:
            raise ProfileBusyError("others have it open")

        erase, me._home.erase = me._home.erase, busy  # type: ignore[method-assign]
        with pytest.raises(ProfileBusyError):
            me.requests.answer("r-1")
        me._home.erase = erase  # type: ignore[method-assign]
        assert not device.promised.exists()
    with device.open() as me:
        assert me.consent.granted(STORAGE)
    assert states(world) == ["pending"]


def test_a_refusal_after_the_erasure_lets_the_receipt_out(world: World, device: Device) -> None:
    with device.allowed() as me:
        asked(world, me, "erasure")
        world.operator.away = True
        me.requests.answer("r-1")
        me.consent.refuse(REQUESTS, notice=NOTICE)
        world.operator.away = False
        world.pass_(DAY)
        me.requests.sync()
    assert states(world) == ["pending"]
    assert (device.beside.promise, device.beside.payloads) == (None, {})


def test_a_profile_in_memory_writes_to_the_disk(world: World, device: Device) -> None:
    with device.open(ephemeral=True) as me:
        me.consent.grant(*hs.Purpose, notice=NOTICE)
        asked(world, me, "erasure")
        me.requests.answer("r-1")
    assert states(world) == ["done"]
    assert {path.name for path in device.folder.iterdir()} == {"bundles"}
