"""Somebody keeps what was signed earlier and hands it out again: whole, in part, mixed, or for ever.

What was signed once stays validly signed. Only versions, numbers and expiry tell the old from the new.
"""

import msgspec
import pytest

from homespun.protocol.canonical import canonical
from homespun.protocol.channel import document_path, role_name
from homespun.sync import Updated, UpToDate
from homespun.testing.repository import CHANNEL
from tests.sdk.updating import DAY, Device, World, copy_of, forget_metadata

ROLE = role_name(CHANNEL)


def second(world: World, device: Device) -> dict[str, bytes]:
    """Let a device have release 2; return what was served before."""
    old = copy_of(world.files)
    world.repository.release(world.bundle("two", seed=2))
    assert device.takes() == 2
    return old


def test_an_older_repository_as_a_whole_is_taken_again(published: World, device: Device) -> None:
    old = second(published, device)
    published.serve(old)
    device.refuses("older|version")
    published.serve(published.repository.files)
    assert isinstance(device.sync(), UpToDate)


def test_an_older_timestamp_is_taken(published: World, device: Device) -> None:
    old = second(published, device)
    published.serve({**published.files, "metadata/timestamp.json": old["metadata/timestamp.json"]})
    device.refuses("older|version")


def test_a_stolen_timestamp_key_brings_an_older_snapshot_back(published: World, device: Device) -> None:
    first = published.repository.roles.timestamp.snapshot_meta
    second(published, device)
    published.repository.roles.timestamp.snapshot_meta = first
    published.repository.roles.renew("timestamp")
    device.refuses("older|version")


@pytest.mark.parametrize("role", ["targets", ROLE])
def test_stolen_online_keys_bring_an_older_role_back(published: World, device: Device, role: str) -> None:
    roles = published.repository.roles
    published.repository.renew()
    first = roles.snapshot.meta[f"{role}.json"]
    published.repository.renew()
    second(published, device)
    roles.snapshot.meta[f"{role}.json"] = first
    roles.publish()
    device.refuses("older|version")


@pytest.mark.parametrize("role", ["targets", ROLE])
def test_stolen_online_keys_leave_a_role_out(published: World, device: Device, role: str) -> None:
    roles = published.repository.roles
    del roles.snapshot.meta[f"{role}.json"]
    roles.publish()
    device.refuses("metadata|snapshot|missing")


def older_document(world: World) -> dict[str, bytes]:
    """Return the targets of a channel whose document knows release 1 alone."""
    document = world.repository.document()
    targets = world.repository.targets()
    older = msgspec.structs.replace(document, releases=document.releases[:1])
    targets[document_path(CHANNEL)] = canonical(msgspec.to_builtins(older))
    return targets


def test_a_newly_signed_document_goes_back_to_an_earlier_release(published: World, device: Device) -> None:
    second(published, device)
    published.repository.publish(CHANNEL, older_document(published))
    device.refuses("release")
    # A rollback as it is meant to be: a new number for the earlier bundle.
    published.repository.rollback(1)
    assert device.takes() == 3


def test_a_newer_document_leaves_a_device_nothing_but_an_earlier_release(published: World, device: Device) -> None:
    second(published, device)
    published.repository.release(published.bundle("three", seed=3), share=0)
    document = published.repository.document()
    targets = published.repository.targets()
    left = msgspec.structs.replace(document, releases=(document.releases[0], document.releases[2]))
    targets[document_path(CHANNEL)] = canonical(msgspec.to_builtins(left))
    published.repository.publish(CHANNEL, targets)
    device.refuses("it had release 2")


def test_a_document_without_releases_passes_for_the_newest(published: World, device: Device) -> None:
    second(published, device)
    document = msgspec.structs.replace(published.repository.document(), releases=())
    targets = {document_path(CHANNEL): canonical(msgspec.to_builtins(document))}
    published.repository.publish(CHANNEL, targets)
    before = device.facts().installed
    outcome = device.sync()
    assert not isinstance(outcome, Updated), outcome
    assert device.facts().installed == before


def test_a_device_that_lost_its_metadata_takes_an_older_release(published: World, device: Device) -> None:
    old = second(published, device)
    forget_metadata(device)
    published.serve(old)
    before = device.facts().installed
    device.refuses("release")
    assert device.facts().installed == before
    published.serve(published.repository.files)
    assert isinstance(device.sync(), UpToDate)


def test_a_device_that_lost_its_metadata_takes_an_older_document(published: World, device: Device) -> None:
    second(published, device)
    published.repository.publish(CHANNEL, older_document(published))
    forget_metadata(device)
    device.refuses("release")


def test_a_device_that_lost_its_metadata_forgets_that_lists_are_off(published: World, device: Device) -> None:
    old = copy_of(published.files)
    published.repository.release(published.bundle("two", seed=2))
    published.repository.off("incident 12")
    assert device.takes() == 2
    verified = published.clock()
    forget_metadata(device)
    published.serve(old)
    published.clock.advance(DAY)
    device.refuses("release")
    with device.updater() as updater:
        standing = updater.standing()
    # What was refused has no say in anything else either, nor does it pass for a look that found nothing newer.
    assert not standing.personal
    assert "incident 12" in standing.why
    assert standing.age_seconds == published.clock() - verified


def test_a_rollback_takes_effect_although_an_old_one_is_replayed(published: World, device: Device) -> None:
    second(published, device)
    before_rollback = copy_of(published.files)
    published.repository.rollback(1)
    assert device.takes() == 3
    published.serve(before_rollback)
    device.refuses("older|version")
    assert device.facts().installed == (3, published.repository.document().releases[0].bundle)


# Freeze


def test_a_device_is_kept_on_an_old_release_for_ever(published: World, device: Device) -> None:
    published.serve(copy_of(published.files))
    published.repository.release(published.bundle("two", seed=2))
    for _ in range(6):
        published.clock.advance(DAY)
        assert isinstance(device.sync(), UpToDate)
    published.clock.advance(2 * DAY)
    assert "timestamp" in device.refuses("expired")
    with device.updater() as updater:
        standing = updater.standing()
    assert standing.expired
    assert standing.age_seconds is not None
    assert 2 * DAY <= standing.age_seconds < 3 * DAY
    published.repository.renew()
    published.serve(published.repository.files)
    assert device.takes() == 2


def test_a_clock_that_was_set_back_revives_expired_metadata(published: World, device: Device) -> None:
    published.serve(copy_of(published.files))
    published.clock.advance(8 * DAY)
    device.refuses("expired")
    published.clock.advance(-7 * DAY)
    device.refuses("expired")
    with device.updater() as updater:
        assert updater.standing().expired
    forget_metadata(device)
    device.refuses("expired")


def test_a_clock_that_was_set_back_revives_metadata_that_the_device_lost(published: World, device: Device) -> None:
    old = copy_of(published.files)
    published.clock.advance(10 * DAY)
    published.repository.renew()
    assert isinstance(device.sync(), UpToDate)
    # Neither versions nor release numbers tell the two apart, only the time that was seen last.
    forget_metadata(device)
    published.serve(old)
    published.clock.advance(-9 * DAY)
    device.refuses("expired")


def test_a_clock_that_ran_ahead_for_a_while_stops_updates_for_ever(published: World, device: Device) -> None:
    published.clock.advance(3650 * DAY)
    device.refuses("expired")
    published.clock.advance(-3650 * DAY + 8 * DAY)
    published.repository.renew()
    published.repository.release(published.bundle("two", seed=2))
    assert device.takes() == 2


# Mix and match


@pytest.mark.parametrize("role", ["snapshot", "targets", ROLE])
def test_roles_of_different_times_are_mixed(published: World, device: Device, role: str) -> None:
    repository = published.repository
    old = repository.files[repository.roles.path(role)]
    repository.renew()
    repository.release(published.bundle("two", seed=2))
    published.serve({**published.files, repository.roles.path(role): old})
    device.refuses("hash|length|version|older")


@pytest.mark.parametrize("role", ["targets", ROLE])
def test_stolen_online_keys_mix_roles_by_version_alone(published: World, device: Device, role: str) -> None:
    repository = published.repository
    roles = repository.roles
    old = repository.files[roles.path(role)]
    repository.renew()
    repository.release(published.bundle("two", seed=2))
    entry = roles.snapshot.meta[f"{role}.json"]
    # Without hashes in the snapshot only the version tells one time from another.
    entry.hashes = entry.length = None
    roles.publish()
    published.serve({**published.files, roles.path(role): old})
    device.refuses("version|expected")
