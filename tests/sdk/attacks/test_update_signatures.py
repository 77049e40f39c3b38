"""Somebody signs who may not: a stranger, a thief with a revoked key, another channel, too few owners of root."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tuf.api.metadata import TargetFile

from homespun.protocol.canonical import canonical
from homespun.protocol.channel import SHARES, document_path, file_path, role_name
from homespun.sync import Updated, UpToDate
from homespun.testing import MemoryRepository
from homespun.testing.answers import Answer
from homespun.testing.repository import CHANNEL
from tests.sdk.updating import Device, World, copy_of

ROLE = role_name(CHANNEL)
CANARY = "films/canary"


def two(world: World) -> None:
    world.repository.release(world.bundle("two", seed=2))


def strangers(world: World) -> MemoryRepository:
    """A whole repository of somebody else, with more of everything."""
    found = MemoryRepository(now=world.clock)
    for seed in range(3, 6):
        found.release(world.bundle(f"evil {seed}", seed=seed))
    return found


# Arbitrary software


def test_a_repository_of_strangers_is_followed(published: World, device: Device) -> None:
    published.serve(strangers(published).files)
    device.refuses("sign")
    published.serve(published.repository.files)
    two(published)
    assert device.takes() == 2


def test_a_first_update_comes_from_strangers(published: World) -> None:
    device = published.device()
    published.serve(strangers(published).files)
    device.refuses("sign")
    assert device.facts().installed is None


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", ROLE])
def test_a_role_signed_by_an_unknown_key_is_accepted(published: World, device: Device, role: str) -> None:
    two(published)
    roles = published.repository.roles
    own, roles.keys[role] = roles.keys[role], [roles.new_key()]
    roles.publish(role)
    device.refuses("sign")
    roles.keys[role] = own
    roles.publish(role)
    assert device.takes() == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", ROLE])
def test_a_role_that_nobody_signed_is_accepted(published: World, device: Device, role: str) -> None:
    two(published)
    roles = published.repository.roles
    roles.keys[role] = []
    roles.publish(role)
    device.refuses("sign")


def test_a_bundle_that_is_no_target_is_downloaded(published: World, device: Device) -> None:
    two(published)
    targets = published.repository.targets()
    newest = published.repository.document().releases[-1].bundle
    del targets[file_path(CHANNEL, newest, "manifest.json")]
    published.repository.publish(CHANNEL, targets)
    device.refuses("manifest.json")


@pytest.mark.parametrize("name", ["weights.bin", "catalogue.sqlite", "golden.json"])
def test_a_file_that_is_no_target_is_downloaded(published: World, device: Device, name: str) -> None:
    old = published.repository.targets()
    two(published)
    # The file lies on the server, and the manifest names it; only the signature is missing.
    targets = published.repository.targets()
    kept = {path: content for path, content in targets.items() if path in old or not path.endswith(name)}
    assert len(kept) == len(targets) - 1
    published.repository.publish(CHANNEL, kept)
    device.refuses(name)


def test_a_well_formed_document_that_nobody_signed_is_obeyed(published: World, device: Device) -> None:
    two(published)
    published.repository.off("aaaaaaaa")

    def reworded(right: Answer) -> Answer:
        return replace(right, body=[b"".join(right.body).replace(b"aaaaaaaa", b"bbbbbbbb")])

    published.faults["targets/*.channel.json"] = reworded
    device.refuses("hash")
    with device.updater() as updater:
        assert updater.standing().personal
    published.faults.clear()
    assert device.takes() == 2


# Revoked keys


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp", CHANNEL])
def test_a_revoked_key_signs_on(published: World, device: Device, role: str) -> None:
    stolen = published.repository.revoke(role)
    assert isinstance(device.sync(), UpToDate)
    name = ROLE if role == CHANNEL else role
    roles = published.repository.roles
    two(published)
    own, roles.keys[name] = roles.keys[name], stolen
    roles.publish(name)
    device.refuses("sign")
    roles.keys[name] = own
    roles.publish(name)
    assert device.takes() == 2


def test_a_stolen_key_that_signs_as_targets_steers_a_channel(published: World, device: Device) -> None:
    # Who has only the online keys cannot replace what they do not sign.
    two(published)
    roles = published.repository.roles
    roles.keys["targets"] = roles.keys["timestamp"]
    roles.publish("targets")
    device.refuses("sign")


# Root


def test_a_rotated_root_with_its_threshold_is_refused(published: World, device: Device) -> None:
    published.repository.rotate_root()
    published.repository.rotate_root()
    two(published)
    assert device.takes() == 2
    assert device.versions()["root.json"] == 3
    # And a device that was off the whole time gets there, too.
    assert published.device().takes() == 2


@pytest.mark.parametrize("signatures", [0, 1])
def test_a_root_without_its_threshold_is_accepted(published: World, device: Device, signatures: int) -> None:
    honest = copy_of(published.files)
    published.repository.rotate_root(old_signatures=signatures)
    published.repository.revoke("timestamp")
    two(published)
    device.refuses("sign")
    assert device.versions()["root.json"] == 1
    published.serve(honest)
    assert isinstance(device.sync(), UpToDate)


def test_a_root_that_its_new_owners_did_not_sign_is_accepted(published: World, device: Device) -> None:
    roles = published.repository.roles
    old = roles.exchange_keys("root")
    roles.renew("root", [*old, roles.keys["root"][0]])
    device.refuses("sign")


def test_one_owner_signs_root_as_often_as_it_takes(published: World, device: Device) -> None:
    roles = published.repository.roles
    roles.renew("root", [roles.keys["root"][0]] * 3)
    device.refuses("sign")


def test_a_root_that_leaves_versions_out_is_accepted(published: World, device: Device) -> None:
    roles = published.repository.roles
    roles.root.version = 5
    roles.write("root")
    published.files["metadata/2.root.json"] = published.files["metadata/5.root.json"]
    device.refuses("version")
    assert device.versions()["root.json"] == 1


def test_an_older_root_brings_a_revoked_key_back(published: World, device: Device) -> None:
    first = copy_of(published.files)
    stolen = published.repository.revoke("timestamp")
    two(published)
    assert device.takes() == 2
    # The thief serves the first root alone, and a timestamp of their own that is newer than all others.
    roles = published.repository.roles
    roles.keys["timestamp"] = stolen
    roles.renew("timestamp")
    files = {path: content for path, content in published.files.items() if not path.endswith("2.root.json")}
    published.serve({**files, "metadata/1.root.json": first["metadata/1.root.json"]})
    device.refuses("sign")
    assert device.versions()["root.json"] == 2


# Expiry


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", ROLE])
def test_an_expired_role_is_used(published: World, device: Device, role: str) -> None:
    repository = published.repository
    repository.lifetimes[role] = 3600
    repository.renew()
    two(published)
    published.clock.advance(7200)
    assert role in device.refuses("expired")
    del repository.lifetimes[role]
    repository.lifetimes.update(root=1e8, timestamp=1e6, snapshot=1e6, targets=1e7)
    repository.renew()
    assert device.takes() == 2


# Another channel


def canary(world: World) -> Any:
    world.repository.release(world.bundle("canary", seed=7), channel=CANARY)
    return world.repository.roles


def test_a_key_of_another_channel_signs_for_this_one(published: World, device: Device) -> None:
    roles = canary(published)
    document = msgspec.structs.replace(published.repository.document(CANARY), stage="production")
    document = msgspec.structs.replace(
        document, releases=tuple(msgspec.structs.replace(each, number=9) for each in document.releases)
    )
    targets = dict(published.repository.targets(CANARY))
    for path in list(targets):
        targets[path.replace(CANARY, CHANNEL)] = targets[path]
    targets[document_path(CHANNEL)] = canonical(msgspec.to_builtins(document))
    published.repository.publish(CANARY, targets)
    # The delegation binds paths to keys: what canary says of production is nobody's.
    before = device.facts()
    assert isinstance(device.sync(), UpToDate)
    assert device.facts().installed == before.installed
    # Nor may it stand in the place of the role, with all online keys stolen.
    roles.channels[ROLE] = roles.channels[role_name(CANARY)]
    roles.channels[ROLE].version += 5
    roles.keys[ROLE] = roles.keys[role_name(CANARY)]
    roles.publish(ROLE)
    device.refuses("sign")


def test_a_document_about_another_channel_is_obeyed(published: World, device: Device) -> None:
    canary(published)
    targets = published.repository.targets(CANARY)
    moved = {path.replace(CANARY, CHANNEL): content for path, content in targets.items()}
    published.repository.publish(CHANNEL, moved)
    device.refuses("films/canary")


def test_a_bundle_of_another_channel_is_found_there(published: World, device: Device) -> None:
    canary(published)
    two(published)
    document = published.repository.document()
    foreign = published.repository.document(CANARY).releases[0].bundle
    newest = msgspec.structs.replace(document.releases[-1], bundle=foreign)
    changed = msgspec.structs.replace(document, releases=(*document.releases[:-1], newest))
    targets = published.repository.targets()
    targets[document_path(CHANNEL)] = canonical(msgspec.to_builtins(changed))
    published.repository.publish(CHANNEL, targets)
    device.refuses("manifest.json")


def test_a_delegation_to_a_wider_path_is_made_by_who_may_not(published: World, device: Device) -> None:
    # A channel's role cannot delegate on: a device looks no further than the role of its channel.
    roles = canary(published)
    two(published)
    production = roles.channels[ROLE]
    newest = document_path(CHANNEL)
    entry = production.targets.pop(newest)
    roles.channels[role_name(CANARY)].targets[newest] = TargetFile(entry.length, entry.hashes, newest)
    roles.publish(ROLE, role_name(CANARY))
    device.refuses("no channel")


# A staged rollout


def test_a_device_takes_a_share_that_does_not_reach_it(published: World, device: Device) -> None:
    published.repository.release(published.bundle("two", seed=2), share=0)
    outcome = device.sync()
    assert isinstance(outcome, UpToDate)
    assert outcome.note
    published.repository.set_share(2, SHARES)
    assert isinstance(device.sync(), Updated)
