"""Newer bundles through the façade: what becomes of the person, of lists and of what explains them."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.errors import ClosedError, MisuseError
from homespun.protocol.channel import SHARES
from homespun.sync import Deferred, Outcome, Rejected, Unreachable, Updated, UpToDate, fallback, keep, keep_until
from homespun.testing import FakeClock, Loopback, MemoryRepository
from homespun.updating import seed_of
from tests.sdk import bundles
from tests.sdk.people import EVERY, NOTICE, PERSONALIZATION, STORAGE
from tests.sdk.profile.support import QUICK, raw_key
from tests.sdk.updating import with_golden

DAY = 86_400.0


class Device:
    """A device whose application was shipped with one bundle and looks for others."""

    def __init__(
        self, root: Path, shipped: hs.Bundle, server: Loopback, repository: MemoryRepository, clock: FakeClock
    ) -> None:
        self.root = root
        self.shipped = shipped
        self.server = server
        self.repository = repository
        self.clock = clock

    def open(self, **options: object) -> hs.Personalizer:
        policy = options.pop("policy", None)
        updates = hs.Updates(
            url=self.server.url,
            channel="films/production",
            root=self.repository.root,
            folder=self.root / "bundles",
            **options,  # type: ignore[arg-type]
        )
        return hs.Personalizer.open(
            self.root / "profile",
            key=raw_key(),
            bundle=self.shipped,
            settings=QUICK,
            clock=self.clock,
            updates=updates,
            policy=policy,  # type: ignore[arg-type]
        )


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with other scores than the shared one."""
    folder = tmp_path_factory.mktemp("newer") / "bundle"
    return with_golden(bundles.write(folder, bundles.random_model(40, seed=7)))


@pytest.fixture(scope="session")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with fewer items."""
    folder = tmp_path_factory.mktemp("newest") / "bundle"
    return with_golden(bundles.write(folder, bundles.random_model(30, seed=8)))


@pytest.fixture
def device(tmp_path: Path, bundle: hs.Bundle) -> Iterator[Device]:
    clock = FakeClock(1_750_000_000.0)
    repository = MemoryRepository(now=clock)
    with Loopback(repository.files) as server:
        yield Device(tmp_path, bundle, server, repository, clock)


@pytest.fixture
def me(device: Device) -> Iterator[hs.Personalizer]:
    with device.open() as opened:
        opened.consent.grant(*EVERY, notice=NOTICE)
        opened.record("item-3", "rate", weight=5.0)
        opened.record("item-35", "rate", weight=5.0)
        yield opened


def names(made: list[hs.Recommendation]) -> list[str]:
    return [entry.item for entry in made]


def test_opening_asks_for_something(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as me:
        me.recommend(5)
        assert me.ledger.entries() == ()


def test_lists_are_made_from_the_old_bundle_after_an_update(me: hs.Personalizer, device: Device, newer: Path) -> None:
    old = names(me.recommend(40))
    device.repository.release(newer)
    outcome = me.sync()
    with hs.Bundle.open(newer) as opened:
        assert isinstance(outcome, Updated)
        assert outcome.bundle == me.bundle.id == opened.id
        assert names(me.recommend(38)) == listed_by(opened, me, 38)
    assert old == listed_by(device.shipped, me, 40) != names(me.recommend(40))


def listed_by(bundle: hs.Bundle, me: hs.Personalizer, k: int) -> list[str]:
    """What somebody with the same events is listed from a bundle that was given from the start."""
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, clock=FakeClock(me._home.now())) as other:
        other.consent.grant(STORAGE, PERSONALIZATION, notice=NOTICE)
        other.record_many(me.events())
        return names(other.recommend(k))


def test_an_update_is_gone_after_a_restart(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as me:
        me.sync()
        updated = me.bundle.id
    with device.open() as again:
        assert again.bundle.id == updated != device.shipped.id
        assert isinstance(again.sync(force=True), UpToDate)


def test_a_recommendation_is_explained_by_a_bundle_that_did_not_make_it(
    me: hs.Personalizer, device: Device, newer: Path, newest: Path
) -> None:
    first = me.recommend(1)[0]
    told = me.explain(first).table()
    for folder in (newer, newest):
        device.repository.release(folder)
        assert isinstance(me.sync(force=True), Updated)
    assert me.explain(first).table() == told


def test_what_was_done_with_items_that_are_gone_is_lost(
    me: hs.Personalizer, device: Device, newer: Path, newest: Path
) -> None:
    for folder, knows in ((newest, False), (newer, True)):
        device.repository.release(folder)
        me.sync(force=True)
        assert ("item-35" in me.bundle) is knows
        assert [event.item for event in me.events()] == ["item-3", "item-35"]
        with hs.Bundle.open(folder) as opened:
            assert names(me.recommend(28)) == listed_by(opened, me, 28)


def test_items_that_the_application_added_are_lost(device: Device, newer: Path) -> None:
    with device.open() as me:
        me.items.update([{"id": "item-3", "title": "Another title"}])
        device.repository.release(newer)
        me.sync()
        assert me.items.view.title("item-3") == "Another title"
        assert me.bundle.title("item-3") != "Another title"


def test_a_bundle_is_taken_whose_policy_cannot_be_followed(device: Device, newest: Path, tmp_path: Path) -> None:
    rule = {"name": "the same", "items": {"tag": "even"}, "then": {"do": "boost", "by": 1}}
    policy = {
        "schema": 1,
        "name": "Twice",
        "surfaces": {"home": {"stages": [{"stage": "rules"}]}},
        "rules": [rule, rule],
    }
    folder = bundles.copy(newest, tmp_path)
    (folder / "policy.json").write_bytes(json.dumps(policy).encode())
    bundles.reseal(folder)
    device.repository.release(folder)
    with device.open() as me:
        outcome = me.sync()
        assert isinstance(outcome, Rejected)
        assert "there is a rule called 'the same' before" in outcome.reason
        assert me.bundle.id == device.shipped.id
        assert me.recommend(5)


def test_a_private_session_makes_requests(me: hs.Personalizer, device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with me.controls.private_session():
        assert isinstance(me.sync(), Deferred)
    assert me.ledger.entries() == ()
    assert isinstance(me.sync(), Updated)


def test_a_request_is_not_in_the_ledger(me: hs.Personalizer, device: Device, newer: Path) -> None:
    device.repository.release(newer)
    me.sync()
    asked = {entry.what for entry in me.ledger.entries() if entry.state == "sent"}
    assert {"update/timestamp.json"} <= asked
    assert len(asked) >= 10
    me.ledger.verify()


def test_a_switched_off_model_goes_on_or_blames_the_person(me: hs.Personalizer, device: Device, newer: Path) -> None:
    device.repository.release(newer)
    me.sync()
    assert me.recommend(1)[0].personalized
    device.repository.off("it recommends what was taken from sale")
    me.sync(force=True)
    made = me.recommend(5)
    assert not any(entry.personalized for entry in made)
    assert "the publisher switched it off" in made[0].reason
    assert "taken from sale" in me.updates.standing().why
    assert me.bundle.id != device.shipped.id
    device.repository.on()
    me.sync(force=True)
    assert me.recommend(1)[0].personalized


def test_a_switch_is_forgotten_by_a_restart(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    device.repository.off("a fault")
    with device.open() as me:
        me.sync()
    with device.open() as again:
        assert not again.updates.standing().personal


@pytest.mark.parametrize(
    ("policy", "personal"), [(keep(), True), (keep_until(100), True), (keep_until(1), False), (fallback(), False)]
)
def test_an_offline_device_does_otherwise_than_its_policy(
    device: Device, newer: Path, policy: object, *, personal: bool
) -> None:
    device.repository.release(newer)
    with device.open(offline=policy) as me:
        me.consent.grant(STORAGE, PERSONALIZATION, notice=NOTICE)
        me.record("item-3", "rate", weight=5.0)
        me.sync()
        assert me.recommend(1)[0].personalized
        device.clock.advance(60 * DAY)
        assert me.recommend(1)[0].personalized is personal
        assert me.updates.standing().expired


def test_a_device_without_a_profile_is_in_a_staged_rollout(device: Device, newer: Path) -> None:
    device.repository.release(newer, share=SHARES - 1)
    with device.open() as me:
        outcome = me.sync()
        assert isinstance(outcome, UpToDate)
        assert "takes part in no staged rollout" in outcome.note
        assert not (device.root / "profile").exists()


def test_the_place_in_a_staged_rollout_changes_with_every_start(device: Device) -> None:
    seeds = set()
    for _ in range(3):
        with device.open() as me:
            me.consent.grant(STORAGE, notice=NOTICE)
            seeds.add(seed_of(me._home))
    assert len(seeds) == 1
    assert None not in seeds


def test_lists_break_while_the_bundle_changes(me: hs.Personalizer, device: Device, newer: Path, newest: Path) -> None:
    wrong: list[BaseException] = []
    done = threading.Event()

    def listing() -> None:
        try:
            while not done.is_set():
                made = me.recommend(10)
                assert len(made) == 10
                assert me.explain(made[0]).item == made[0].item
        except BaseException as error:  # noqa: BLE001 - told below
            wrong.append(error)

    threads = [threading.Thread(target=listing) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for folder in (newer, newest, newer, newest):
            device.repository.release(folder)
            assert isinstance(me.sync(force=True), Updated)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_background_never_looks_or_raises(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    seen: list[Outcome] = []
    looked = threading.Event()

    def observer(outcome: Outcome) -> None:
        seen.append(outcome)
        looked.set()
        raise RuntimeError("the application's observer fails")

    with device.open() as me:
        me.updates.start(observer)
        assert looked.wait(60)
        me.updates.stop()
        assert isinstance(seen[0], Updated)


def test_the_background_outlives_the_personalizer(device: Device) -> None:
    before = threading.active_count()
    with device.open() as me:
        me.updates.start()
    assert threading.active_count() == before


def test_an_application_without_updates_is_told_nothing(bundle: hs.Bundle) -> None:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as me:
        with pytest.raises(MisuseError, match="updates="):
            me.sync()
        assert not me.updates.is_off()


def test_the_sample_stands_in_for_the_bundle(device: Device) -> None:
    updates = hs.Updates(
        url=device.server.url, channel="films/production", root=device.repository.root, folder=device.root / "bundles"
    )
    with pytest.raises(MisuseError, match="bundle="):
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), updates=updates)


def test_a_closed_personalizer_looks_for_updates(device: Device) -> None:
    me = device.open()
    me.close()
    with pytest.raises(ClosedError):
        me.sync()


def test_a_server_that_is_away_raises(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as me:
        device.repository.files.clear()
        assert isinstance(me.sync(), Unreachable)
        assert me.bundle.id == device.shipped.id


def test_requests_before_the_first_consent_are_forgotten(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as me:
        me.sync()
        asked = [(entry.what, entry.state) for entry in me.ledger.entries()]
        assert asked
        me.consent.grant(STORAGE, notice=NOTICE)
    with device.open() as again:
        assert [(entry.what, entry.state) for entry in again.ledger.entries()] == asked
        again.ledger.verify()


def test_what_another_process_installed_is_not_used(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as one, device.open() as other:
        assert isinstance(one.sync(), Updated)
        before = len(other.ledger.entries())
        assert isinstance(other.sync(force=True), Updated)
        assert other.bundle.id == one.bundle.id
        files = [entry for entry in other.ledger.entries()[before:] if "weights" in entry.what]
        assert files == []


def declare(kinds: list[str] | None, manifest: dict[str, Any]) -> None:
    manifest["history"]["kinds"] = kinds


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        (["rate", "view"], ["view"], False),
        (["view"], ["rate", "view"], True),
        (["view"], None, True),
        (None, ["view"], True),
    ],
)
def test_a_call_raises_that_did_not_before_the_update(
    device: Device,
    newer: Path,
    tmp_path: Path,
    before: list[str] | None,
    after: list[str] | None,
    taken: bool,  # noqa: FBT001
) -> None:
    for number, kinds in enumerate((before, after)):
        folder = bundles.copy(newer, tmp_path / str(number))
        bundles.edit_manifest(folder, partial(declare, kinds))
        device.repository.release(folder, note=str(number))
        with device.open() as me:
            outcome = me.sync(force=True)
            assert isinstance(outcome, Updated) is (taken or not number)
    assert taken or "kind of event 'rate'" in str(outcome)


def test_a_surface_is_gone_after_an_update(device: Device, newer: Path, newest: Path, tmp_path: Path) -> None:
    surfaces = {"kids": {"stages": [{"stage": "seen"}]}}
    folder = bundles.copy(newer, tmp_path)
    (folder / "policy.json").write_bytes(json.dumps({"schema": 1, "name": "P", "surfaces": surfaces}).encode())
    bundles.reseal(folder)
    device.repository.release(folder)
    with device.open() as me:
        me.sync()
        assert me.recommend(3, surface="kids")
        device.repository.release(newest)
        outcome = me.sync(force=True)
        assert isinstance(outcome, Rejected)
        assert "surface 'kids'" in outcome.reason
        assert me.recommend(3, surface="kids")


def test_a_bundle_that_was_opened_here_stays_open(device: Device, newer: Path) -> None:
    device.repository.release(newer)
    with device.open() as me:
        me.sync()
        adopted = me.bundle
    with pytest.raises(ClosedError):
        adopted.title("item-3")
    with device.open() as again:
        installed = again.bundle
    with pytest.raises(ClosedError):
        installed.title("item-3")
    assert device.shipped.title("item-3")


def test_two_threads_start_two_backgrounds(device: Device) -> None:
    before = threading.active_count()
    with device.open() as me:
        starting = [threading.Thread(target=me.updates.start) for _ in range(8)]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        assert threading.active_count() <= before + 1
    assert threading.active_count() == before
