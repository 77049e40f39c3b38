"""Whole runs: what is fetched, what is kept, and what a device has at the end."""

import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import (
    MisuseError,
    ModelContractError,
    NotPermittedError,
    ProfileBusyError,
    ProfileStorageError,
)
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CATALOGUE, WEIGHTS
from homespun.protocol.channel import SHARES, bucket
from homespun.sync import Deferred, Rejected, Unreachable, Updated, UpToDate, fallback
from homespun.sync.lock import exclusive
from homespun.sync.store import CHANNEL as DOCUMENT
from homespun.sync.store import LOCK, STATE, STATE_COPY, Store
from homespun.testing import faults
from homespun.testing.answers import Answer
from tests.sdk import bundles
from tests.sdk.updating import DAY, SEED, Device, Requested, World

HOUR = 3600.0


def asked(world: World, since: int = 0) -> list[str]:
    """The last part of every path that was asked for."""
    return [request.path.rpartition("/")[2] for request in world.requests[since:]]


def files_asked(world: World, since: int = 0) -> list[str]:
    """The names of the bundles' files that were asked for."""
    parts = [
        request.path.rpartition("/")[2] for request in world.requests[since:] if request.path.startswith("targets/")
    ]
    return sorted(part.partition(".")[2] for part in parts if not part.endswith("channel.json"))


def folders(device: Device) -> set[str]:
    return {path.name for path in (device.folder / "bundles").iterdir()}


def state(device: Device) -> Any:
    return Store(device.folder, lambda _: None).read()


def run(
    device: Device, adopt: Callable[[Bundle], object] = Bundle.close, *, force: bool = True, permitted: bool = True
) -> Any:
    with device.updater() as updater:
        return updater.sync(adopt, force=force, permitted=permitted)


# What is asked for


def test_a_look_without_news_fetches_what_is_known(world: World, device: Device) -> None:
    before = len(world.requests)
    assert device.sync() == UpToDate(release=1)
    assert asked(world, before) == ["3.root.json", "timestamp.json"] or asked(world, before)[1:] == ["timestamp.json"]
    held = (device.folder / "metadata" / "timestamp.json").read_bytes()
    assert world.requests[-1].headers["if-none-match"] == f'"{hashlib.sha256(held).hexdigest()}"'


def test_a_server_marks_a_device_by_a_validator(world: World, device: Device) -> None:
    def marked(right: Answer) -> Answer:
        return Answer(right.status, {**right.headers, "etag": '"device-7"', "set-cookie": "id=7"}, right.body)

    world.faults["*"] = marked
    world.repository.release(world.bundle("two", seed=2))
    before = len(world.requests)
    assert device.takes() == 2
    device.sync()
    assert not [request for request in world.requests[before:] if "7" in str(request.headers.get("cookie", ""))]
    assert not [request for request in world.requests[before:] if "device-7" in str(request.headers)]


def test_two_devices_can_be_told_apart_by_their_requests(world: World) -> None:
    first, second = world.device(), world.device()
    first.takes()
    of_first = [(request.path, request.headers) for request in world.requests]
    world.requests.clear()
    second.seed = bytes(reversed(SEED))
    second.takes()
    assert [(request.path, request.headers) for request in world.requests] == of_first


def test_a_request_is_made_that_is_not_in_the_ledger(world: World) -> None:
    device = world.device()
    device.takes()
    ledger = device.requests
    assert isinstance(ledger, Requested)
    assert [(url.removeprefix(world.url), headers) for _, url, headers in ledger.begun] == [
        (request.path, {name.title(): value for name, value in request.headers.items()}) for request in world.requests
    ]
    assert ledger.ended == dict.fromkeys(range(1, len(ledger.begun) + 1), "sent")


def test_a_request_goes_out_although_the_ledger_refuses(world: World, device: Device) -> None:
    assert isinstance(device.requests, Requested)
    device.requests.broken = NotPermittedError("a private session is on.")
    before = len(world.requests)
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "private session" in outcome.reason
    assert len(world.requests) == before


def test_an_answer_that_cannot_be_noted_is_used(world: World, device: Device) -> None:
    class Full(Requested):
        def end(self, *_: Any) -> None:
            raise ProfileStorageError("the disk is full.")

    world.repository.release(world.bundle("two", seed=2))
    device.requests = Full()
    assert isinstance(run(device), Deferred)
    assert device.facts().installed is not None
    assert device.adopted[1:] == []


def test_a_ledger_says_that_a_request_left_that_did_not(world: World, device: Device) -> None:
    assert world.http is not None
    world.http.online = False
    assert isinstance(device.sync(), Unreachable)
    assert isinstance(device.requests, Requested)
    assert device.requests.ended[len(device.requests.begun)] == "unsent"


def sharing(world: World) -> Path:
    """Release a second bundle with the first one's catalogue."""
    folder = world.bundle("two", seed=2)
    shutil.copy(world.room / "one" / CATALOGUE, folder / CATALOGUE)
    bundles.reseal(folder)
    world.repository.release(folder)
    return folder


def test_a_file_that_two_bundles_share_is_downloaded_again(world: World, device: Device) -> None:
    folder = sharing(world)
    before = len(world.requests)
    outcome = device.sync()
    assert isinstance(outcome, Updated)
    assert CATALOGUE not in files_asked(world, before)
    assert WEIGHTS in files_asked(world, before)
    assert outcome.downloaded > (folder / WEIGHTS).stat().st_size


def test_a_damaged_file_is_taken_over_from_the_old_bundle(world: World, device: Device) -> None:
    sharing(world)
    (name,) = folders(device)
    (device.folder / "bundles" / name / CATALOGUE).write_bytes(b"damaged")
    before = len(world.requests)
    assert device.takes() == 2
    assert CATALOGUE in files_asked(world, before)


def test_a_file_system_without_links_stops_updates(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "not here")

    monkeypatch.setattr("os.link", refuse)
    sharing(world)
    before = len(world.requests)
    assert device.takes() == 2
    assert CATALOGUE not in files_asked(world, before)


# Downloads that break off


@pytest.mark.parametrize("length", [1, 1000])
def test_a_download_that_broke_off_begins_anew(world: World, length: int) -> None:
    device = world.device()
    world.faults["targets/*.weights.bin"] = faults.short(length)
    assert isinstance(device.sync(), Unreachable)
    world.faults.clear()
    before = len(world.requests)
    assert device.takes() == 1
    ranges = [request.headers.get("range") for request in world.requests[before:] if request.path.endswith(WEIGHTS)]
    assert ranges == [f"bytes={length}-"]
    manifests = [name for name in asked(world, before) if name.endswith("manifest.json")]
    assert manifests == []


def ranged(world: World, answer: Callable[[Answer], Answer]) -> list[str | None]:
    """Break a download off, answer its second half otherwise, and return the ranges that were asked for then."""
    device = world.device()
    world.faults["targets/*.weights.bin"] = faults.short(1000)
    assert isinstance(device.sync(), Unreachable)
    before = len(world.requests)
    world.faults["targets/*.weights.bin"] = lambda right: answer(right) if right.status == 206 else right
    assert device.takes() == 1
    return [request.headers.get("range") for request in world.requests[before:] if request.path.endswith(WEIGHTS)]


def test_a_server_without_ranges_stops_updates(world: World) -> None:
    content = (world.room / "one" / WEIGHTS).read_bytes()
    assert ranged(world, lambda _: Answer(200, {"content-length": str(len(content))}, [content])) == ["bytes=1000-"]


def test_a_range_that_the_server_refuses_stops_updates(world: World) -> None:
    assert ranged(world, faults.status(416)) == ["bytes=1000-", None]


@pytest.mark.parametrize("said", ["", "bytes 999-4000/4001", "bytes 0-10/11", "bytes */11", "items 1000-2000/*"])
def test_another_range_is_appended(world: World, said: str) -> None:
    def shifted(right: Answer) -> Answer:
        return Answer(206, {**right.headers, "content-range": said}, right.body)

    assert ranged(world, shifted) == ["bytes=1000-", None]


def test_a_rest_with_other_bytes_spoils_the_download_for_ever(world: World) -> None:
    def other(right: Answer) -> Answer:
        return Answer(206, right.headers, [bytes(int(right.headers["content-length"]))])

    assert ranged(world, other) == ["bytes=1000-", None]


def test_a_part_that_is_too_long_is_completed(world: World) -> None:
    device = world.device()
    world.faults["targets/*.weights.bin"] = faults.short(1000)
    assert isinstance(device.sync(), Unreachable)
    (part,) = (device.folder / "incoming").glob("*.part")
    part.write_bytes(bytes(1 << 20))
    world.faults.clear()
    before = len(world.requests)
    assert device.takes() == 1
    assert [r.headers.get("range") for r in world.requests[before:] if r.path.endswith(WEIGHTS)] == [None]


def test_an_answer_that_was_not_asked_for_as_a_part_is_used(world: World) -> None:
    device = world.device()
    world.faults["targets/*.weights.bin"] = lambda right: Answer(206, right.headers, right.body)
    assert isinstance(device.sync(), Unreachable)


# Connections, permission, limits


def test_a_metered_connection_downloads_a_bundle(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    world.repository.off("a fault")
    device.settings["connection"] = lambda: "metered"
    before = len(world.requests)
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "metered" in outcome.reason
    assert files_asked(world, before) == []
    assert state(device).off == "a fault"
    device.settings["metered"] = True
    assert device.takes() == 2


@pytest.mark.parametrize("connection", ["offline", "wifi", None, 3, ["metered"]])
def test_a_device_asks_without_a_connection(world: World, device: Device, connection: Any) -> None:
    device.settings["connection"] = lambda: connection
    before = len(world.requests)
    assert isinstance(device.sync(), Deferred)
    assert len(world.requests) == before


def test_an_application_that_does_not_know_its_connection_breaks_updates(world: World, device: Device) -> None:
    def broken() -> Any:
        raise RuntimeError("no such interface")

    device.settings["connection"] = broken
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "no such interface" in outcome.reason
    assert len(world.requests) > 0


def test_a_device_asks_although_the_person_does_not_permit_it(world: World, device: Device) -> None:
    before = len(world.requests)
    assert isinstance(run(device, permitted=False), Deferred)
    assert len(world.requests) == before


def test_a_look_that_is_not_due_is_made(world: World, device: Device) -> None:
    before = len(world.requests)
    outcome = run(device, force=False)
    assert isinstance(outcome, Deferred)
    assert outcome.until is not None
    assert len(world.requests) == before
    world.clock.advance(outcome.until - world.clock())
    assert isinstance(run(device, force=False), UpToDate)


def test_failures_are_answered_by_asking_more(world: World, device: Device) -> None:
    assert world.http is not None
    world.http.online = False
    waits = []
    for _ in range(12):
        assert isinstance(device.sync(), Unreachable)
        with device.updater() as updater:
            waits.append(updater.due_in())
    assert waits[0] <= 300
    assert waits[-1] > 3 * HOUR
    assert state(device).failures == 12
    world.http.online = True
    device.sync()
    assert state(device).failures == 0


@pytest.mark.parametrize("limit", ["download_bytes", "disk_bytes"])
def test_a_ceiling_is_looked_at_after_the_download(world: World, limit: str) -> None:
    device = world.device(**{limit: 1000})
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert limit in outcome.reason
    assert files_asked(world) == []


def test_a_disk_that_has_room_for_one_bundle_gets_two(world: World, device: Device) -> None:
    used = Store(device.folder, lambda _: None).used_bytes()
    device.settings["disk_bytes"] = used + 500
    world.repository.release(world.bundle("two", seed=2))
    before = len(world.requests)
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "disk_bytes" in outcome.reason
    assert files_asked(world, before) == ["manifest.json"]


def test_a_full_disk_is_written_to(world: World, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repository.release(world.bundle("two", seed=2))
    monkeypatch.setattr(Store, "free_bytes", lambda _: 10)
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "10 left" in outcome.reason


def test_a_download_is_faster_than_it_may_be(world: World) -> None:
    size = sum(path.stat().st_size for path in (world.room / "one").iterdir())
    start = world.clock()
    assert world.device(bytes_per_second=1000).takes() == 1
    assert world.clock() - start == pytest.approx(size / 1000, rel=0.5)


# Adoption


@pytest.mark.parametrize(
    "error", [ModelContractError("no"), ProfileBusyError("busy"), RuntimeError("a bug"), OSError(5)]
)
def test_a_bundle_that_the_application_refuses_is_installed(world: World, device: Device, error: Exception) -> None:
    world.repository.release(world.bundle("two", seed=2))
    before = device.facts().installed
    seen: list[Bundle] = []

    def refuse(bundle: Bundle) -> None:
        seen.append(bundle)
        raise error

    outcome = run(device, refuse)
    assert isinstance(outcome, Rejected)
    assert "release 2" in outcome.reason
    assert device.facts().installed == before
    with pytest.raises(Exception, match="closed"):
        seen[0].tags_of([0])


def test_a_bundle_that_was_refused_is_handed_over_every_time(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))

    def refuse(_: Bundle) -> None:
        raise ModelContractError("not with this application")

    world.clock.advance(DAY)
    assert isinstance(run(device, refuse, force=False), Rejected)
    before = len(world.requests)
    world.clock.advance(DAY)
    outcome = run(device, Bundle.close, force=False)
    assert isinstance(outcome, Rejected)
    assert "not with this application" in outcome.reason
    assert files_asked(world, before) == []
    world.repository.off("the document changes")
    world.clock.advance(DAY)
    assert isinstance(run(device, Bundle.close, force=False), Updated)


def test_a_bundle_is_downloaded_again_because_the_application_was_busy(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))

    def busy(_: Bundle) -> None:
        raise ProfileBusyError("busy")

    assert isinstance(run(device, busy), Rejected)
    before = len(world.requests)
    assert isinstance(run(device), Updated)
    assert files_asked(world, before) == []


def test_an_update_is_stopped_by_an_update_inside_it(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    inside: list[object] = []
    with device.updater() as updater:

        def adopt(bundle: Bundle) -> None:
            bundle.close()
            inside.append(updater.sync(Bundle.close, force=True))

        assert isinstance(updater.sync(adopt, force=True), Updated)
    assert isinstance(inside[0], Deferred)


def test_arguments_that_are_wrong_become_an_outcome(device: Device) -> None:
    with device.updater() as updater:
        for wrong in ({"adopt": None}, {"adopt": Bundle.close, "force": 1}, {"adopt": Bundle.close, "permitted": None}):
            with pytest.raises(MisuseError):
                updater.sync(**wrong)


# What is kept


def test_the_bundle_before_is_not_kept_or_all_are(world: World, device: Device) -> None:
    kept = []
    for number in (2, 3, 4):
        release = world.repository.release(world.bundle(f"release-{number}", seed=number))
        assert device.takes() == number
        kept.append(release.bundle)
    assert folders(device) == set(kept[-2:])
    assert list((device.folder / "incoming").iterdir()) == []
    assert list((device.folder / "staging").iterdir()) == []


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_bundle_is_used(world: World, device: Device, damage: str) -> None:
    world.repository.release(world.bundle("two", seed=2))
    assert device.takes() == 2
    weights = device.folder / "bundles" / state(device).current.folder / WEIGHTS
    if damage == "missing":
        weights.unlink()
    else:
        raw = bytearray(weights.read_bytes())
        raw[100] ^= 1
        weights.unlink()
        weights.write_bytes(raw)
    with device.updater() as updater:
        installed = updater.installed()
        assert installed is not None
        assert (installed.release, installed.is_fallback) == (1, True)
        before = len(world.requests)
        outcome = updater.sync(Bundle.close, force=True)
    assert isinstance(outcome, Updated)
    assert outcome.release == 2
    assert files_asked(world, before) == ["manifest.json", WEIGHTS]
    with device.updater() as updater:
        repaired = updater.installed()
    assert repaired is not None
    assert (repaired.release, repaired.is_fallback) == (2, False)
    assert repaired.folder.name == f"{repaired.bundle}.1"


def test_both_bundles_are_damaged_and_one_is_used(world: World, device: Device) -> None:
    shutil.rmtree(device.folder / "bundles")
    with device.updater() as updater:
        assert updater.installed() is None
    assert device.takes() == 1


def test_a_rollback_downloads_the_bundle_that_is_still_here(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    assert device.takes() == 2
    world.repository.rollback(1)
    before = len(world.requests)
    assert device.takes() == 3
    assert files_asked(world, before) == []
    found = state(device)
    assert (found.current.number, found.previous.number) == (3, 2)
    assert found.highest == {"films/production": 3}
    assert len(folders(device)) == 2


def test_a_new_number_of_the_same_bundle_is_adopted_again(world: World, device: Device) -> None:
    world.repository.rollback(1)
    assert device.sync() == UpToDate(release=2)
    assert len(device.adopted) == 1
    assert state(device).current.number == 2


@pytest.mark.parametrize("lost", [(STATE,), (STATE_COPY,), (STATE, STATE_COPY)])
def test_what_is_remembered_is_lost(world: World, device: Device, lost: tuple[str, ...]) -> None:
    for name in lost:
        (device.folder / name).write_bytes(b"damaged")
    outcome = device.sync()
    if len(lost) == 2:
        assert isinstance(outcome, Updated)
        assert outcome.downloaded == 0
    else:
        assert outcome == UpToDate(release=1)
    assert device.facts().installed is not None


def test_a_damaged_document_on_the_disk_is_obeyed(world: World, device: Device) -> None:
    (device.folder / DOCUMENT).write_bytes(b"{}")
    assert device.sync() == UpToDate(release=1)


def test_another_process_looks_at_the_same_time(world: World, device: Device) -> None:
    before = len(world.requests)
    with exclusive(device.folder / LOCK):
        outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "another process" in outcome.reason
    assert len(world.requests) == before


def test_a_bundle_that_another_process_installed_is_not_adopted(world: World, device: Device) -> None:
    with device.updater() as first:
        assert first.installed() is not None
        world.repository.release(world.bundle("two", seed=2))
        assert device.takes() == 2
        before = len(world.requests)
        outcome = first.sync(Bundle.close, force=True)
        assert isinstance(outcome, Updated)
        assert (outcome.release, outcome.downloaded) == (2, 0)
        assert files_asked(world, before) == []
        assert first.sync(Bundle.close, force=True) == UpToDate(release=2)
    assert state(device).previous.number == 1


def test_an_update_runs_on_after_it_was_closed(world: World) -> None:
    device = world.device()
    with device.updater() as updater:

        def tick() -> None:
            updater._closed.set()

        world.faults["targets/*.weights.bin"] = faults.slow(tick, 100)
        outcome = updater.sync(Bundle.close, force=True)
    assert isinstance(outcome, Deferred)
    assert "closed" in outcome.reason
    assert isinstance(updater.sync(Bundle.close, force=True), Deferred)


def test_an_application_that_closes_while_it_adopts_waits_for_itself(world: World) -> None:
    device = world.device()
    with device.updater() as updater:

        def adopt(bundle: Bundle) -> None:
            bundle.close()
            updater.close()

        assert isinstance(updater.sync(adopt, force=True), Updated)
    assert device.facts().installed is not None


def test_the_ledger_names_a_hash_and_not_the_file(world: World, device: Device) -> None:
    assert isinstance(device.requests, Requested)
    names = {what for what, _, _ in device.requests.begun}
    assert {"timestamp.json", "channel.json", "manifest.json", WEIGHTS} <= names


def test_a_file_that_another_run_left_is_written_through(world: World, device: Device) -> None:
    folder = sharing(world)
    (name,) = folders(device)
    old = device.folder / "bundles" / name / WEIGHTS
    staged_at = device.folder / "staging" / hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    staged_at.mkdir()
    (staged_at / CATALOGUE).hardlink_to(old)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "empty", lambda *_, **__: None)
        assert device.takes() == 2
    assert old.read_bytes() == (world.room / "one" / WEIGHTS).read_bytes()


def test_closing_does_not_wait_for_the_run_that_it_ends(world: World) -> None:
    device = world.device()
    begun = threading.Event()
    outcomes: list[object] = []
    with device.updater() as updater:

        def tick() -> None:
            begun.set()
            updater._closed.wait(30)

        world.faults["targets/*.weights.bin"] = faults.slow(tick, 100)
        thread = threading.Thread(target=lambda: outcomes.append(updater.sync(Bundle.close, force=True)))
        thread.start()
        assert begun.wait(30)
        updater.close()
        thread.join(30)
    assert isinstance(outcomes[0], Deferred)


# Rollout


def seed_in(salt: str, least: int, most: int) -> bytes:
    return next(seed for n in range(10**6) if least <= bucket(seed := n.to_bytes(32, "big"), salt) < most)


def staged(world: World, device: Device, *, reached: bool) -> None:
    release = world.repository.release(world.bundle("two", seed=2), share=SHARES // 2)
    half = (0, SHARES // 2) if reached else (SHARES // 2, SHARES)
    device.seed = seed_in(release.salt, *half)


def test_a_share_reaches_everybody_or_nobody(world: World, device: Device) -> None:
    staged(world, device, reached=False)
    before = len(world.requests)
    outcome = device.sync()
    assert outcome == UpToDate(release=1, note="release 2 has not reached this device yet")
    assert files_asked(world, before) == []
    world.repository.set_share(2, SHARES)
    assert device.takes() == 2


def test_requests_tell_the_bucket_although_they_should_not(world: World) -> None:
    def made(*, reached: bool) -> tuple[list[str], Device]:
        device = world.device(stage_after_download=True)
        device.takes()
        before = len(world.requests)
        device.seed = seed_in(release.salt, *((0, SHARES // 2) if reached else (SHARES // 2, SHARES)))
        with_release()
        device.sync()
        device.sync()
        return asked(world, before), device

    release = world.repository.release(world.bundle("two", seed=2), share=0)
    world.repository.pause(2)

    def with_release() -> None:
        world.repository.resume(2)
        world.repository.set_share(2, SHARES // 2)

    reached, first = made(reached=True)
    world.repository.pause(2)
    other, second = made(reached=False)
    assert files(reached) == files(other) != []
    assert (state(first).current.number, state(second).current.number) == (2, 1)
    assert state(second).waiting[0].number == 2
    world.repository.set_share(2, SHARES)
    before = len(world.requests)
    assert second.takes() == 2
    assert files_asked(world, before) == []
    assert len(folders(second)) == 2
    assert state(second).waiting == ()


def files(names: list[str]) -> list[str]:
    return [name for name in names if len(name.partition(".")[0]) == 64 and not name.endswith("channel.json")]


def test_a_device_without_a_secret_takes_part_in_a_rollout(world: World, device: Device) -> None:
    staged(world, device, reached=True)
    device.seed = None
    assert isinstance(device.sync(), UpToDate)
    device.seed = b"short"
    assert isinstance(device.sync(), Rejected)


def test_a_client_that_is_too_old_takes_a_release(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2), minimum_client="10.0")
    outcome = device.sync()
    assert isinstance(outcome, UpToDate)
    assert "10.0" in outcome.note


def test_the_switch_is_forgotten_when_the_repository_is_out_of_reach(world: World, device: Device) -> None:
    world.repository.off("a fault in release 1")
    device.sync()
    assert world.http is not None
    world.http.online = False
    device.sync()
    with device.updater() as updater:
        assert "a fault in release 1" in updater.standing().why
    world.http.online = True
    world.repository.on()
    device.sync()
    with device.updater() as updater:
        assert updater.standing().personal


def test_a_device_reports_no_age_or_another_one(world: World, device: Device) -> None:
    device.settings["offline"] = fallback()
    world.clock.advance(5 * DAY)
    with device.updater() as updater:
        assert updater.standing().age_seconds == pytest.approx(5 * DAY)
        assert updater.standing(world.clock() + 5 * DAY).personal is False
        installed = updater.installed()
    assert installed is not None
    assert installed.verified == pytest.approx(world.clock() - 5 * DAY)


def test_an_other_channel_is_held_to_the_numbers_of_this_one(world: World, device: Device) -> None:
    world.repository.rollback(1)
    device.sync()
    world.repository.release(world.bundle("canary", seed=9), channel="films/canary")
    device.settings["channel"] = "films/canary"
    assert device.takes() == 1
    assert state(device).highest == {"films/production": 2, "films/canary": 1}
    device.settings["channel"] = "films/production"
    assert device.takes() == 2


def test_the_clock_of_metadata_is_not_ours(world: World, device: Device) -> None:
    """What keeps an expired timestamp from coming back rests on an attribute of python-tuf's."""
    from homespun.sync.asking import Means
    from homespun.sync.fetching import DurableUpdater
    from homespun.sync.pace import Pace

    assert world.http is not None
    pace = Pace(most=None, least=0, patience=1.0)
    means = Means(
        http=world.http,
        requests=Requested(),
        pace=pace,
        monotonic=world.clock,
        wait=world.clock.advance,
        is_closed=lambda: False,
    )
    made = DurableUpdater(device.updates(), Store(device.folder, lambda _: None), means, world.clock() + 8 * DAY)
    with pytest.raises(Exception, match="expired"):
        made.refresh()
    assert not (device.folder / "metadata" / "root.json").exists()
