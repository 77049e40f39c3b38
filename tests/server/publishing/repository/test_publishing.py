"""What should not be published is, or what is published is not what devices may take."""

import hashlib
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from homespun.errors import BundleError, BundleIntegrityError, BundleSchemaError, MisuseError, PolicyError
from homespun.protocol import bundle
from homespun.protocol.channel import MAX_RELEASES, SHARES, bucket, choose
from homespun_server.errors import OutputError, RepositoryBusyError, RepositoryError, SigningKeyError
from homespun_server.publishing.repository import SignedRepository
from homespun_server.publishing.repository.lock import alone
from tests.server.publishing.repository.devices import Phone
from tests.server.publishing.repository.support import (
    CANARY,
    PRODUCTION,
    Hands,
    bundle_of,
    create,
    opened,
    snapshot_of,
)

Make = Callable[..., Path]


def numbers(signed: SignedRepository, channel: str = CANARY) -> list[int]:
    return [release.number for release in signed.channel(channel).releases]


def identity(folder: Path) -> str:
    return hashlib.sha256((folder / bundle.MANIFEST).read_bytes()).hexdigest()


def stored(signed: SignedRepository, name: str) -> list[Path]:
    return sorted((signed.folder / "targets").rglob(f"*.{name}"))


# Refusals.


def test_a_bundle_without_golden_scores_is_published(signed: SignedRepository, make: Make) -> None:
    with pytest.raises(BundleIntegrityError, match=r"golden\.json"):
        signed.publish(make(1, golden=False), CANARY)
    assert numbers(signed) == []


def test_a_non_private_bundle_reaches_everybody(signed: SignedRepository, make: Make) -> None:
    bad = make(1, private=False)
    with pytest.raises(RepositoryError, match="non_private"):
        signed.publish(bad, PRODUCTION)
    with pytest.raises(RepositoryError, match="non_private"):
        signed.publish(bad, PRODUCTION, override="  ")
    assert numbers(signed, PRODUCTION) == []
    signed.publish(bad, CANARY)
    signed.publish(bad, PRODUCTION, override="synthetic people")
    assert signed.history(PRODUCTION)[0].override == "synthetic people"
    signed.check()


@pytest.mark.parametrize("name", [*bundle.FILES, bundle.GOLDEN])
@pytest.mark.parametrize("damage", ["missing", "longer", "other"])
def test_a_damaged_bundle_is_published(signed: SignedRepository, make: Make, name: str, damage: str) -> None:
    folder = make(1)
    content = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content + b"." if damage == "longer" else b"." + content[1:])
    with pytest.raises(BundleIntegrityError):
        signed.publish(folder, CANARY)
    assert numbers(signed) == []


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"schema":1,"contract":1}', b"\xff", b"[" * 100_000, b" " * (2 << 20)])
def test_a_bundle_with_another_manifest_is_published(signed: SignedRepository, make: Make, raw: bytes) -> None:
    folder = make(1)
    (folder / bundle.MANIFEST).write_bytes(raw)
    with pytest.raises((BundleIntegrityError, BundleSchemaError)):
        signed.publish(folder, CANARY)


def test_a_bundle_with_a_foreign_policy_is_published(signed: SignedRepository, tmp_path: Path) -> None:
    folder = bundle_of(tmp_path / "b", 1, policy=b'{"schema": 99}')
    with pytest.raises((PolicyError, BundleError)):
        signed.publish(folder, CANARY)


def test_nothing_is_a_bundle(signed: SignedRepository, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no bundle"):
        signed.publish(tmp_path / "nowhere", CANARY)


@pytest.mark.parametrize("channel", ["films/beta", "films", "../films/canary", "films/canary/x", ""])
def test_a_channel_that_is_none_gets_a_release(signed: SignedRepository, make: Make, channel: str) -> None:
    before = snapshot_of(signed.folder)
    with pytest.raises(MisuseError):
        signed.publish(make(1), channel)
    assert snapshot_of(signed.folder) == before


@pytest.mark.parametrize(
    "arguments", [{"share": -1}, {"share": SHARES + 1}, {"minimum_client": "new"}, {"note": "x" * 501}]
)
def test_a_release_that_devices_refuse_is_signed(signed: SignedRepository, make: Make, arguments: dict) -> None:
    with pytest.raises(MisuseError):
        signed.publish(make(1), CANARY, **arguments)
    signed.check()
    assert numbers(signed) == []


def test_a_file_that_changes_while_it_is_copied_is_published(tmp_path: Path, clock: Hands, make: Make) -> None:
    folder = make(1)

    def change(step: str) -> None:
        if step == "tidied":
            (folder / bundle.WEIGHTS).write_bytes(b"other weights")

    signed = create(tmp_path, clock, step=change)
    with pytest.raises(BundleIntegrityError, match="changed while"):
        signed.publish(folder, CANARY)
    assert numbers(signed) == []
    assert not list(signed.folder.rglob("*.partial"))


# Files.


def test_a_file_that_two_releases_share_is_stored_twice(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY, share=1000)
    signed.publish(make(2), CANARY, share=1000)
    assert len(stored(signed, bundle.CATALOGUE)) == 1
    assert len(stored(signed, bundle.WEIGHTS)) == 2
    signed.publish(make(1), PRODUCTION)
    assert len(stored(signed, bundle.CATALOGUE)) == 2
    signed.check()


def test_a_stored_file_that_went_bad_is_released_again(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    (bad,) = stored(signed, bundle.CATALOGUE)
    bad.write_bytes(b"." * bad.stat().st_size)
    with pytest.raises(RepositoryError, match="devices cannot use"):
        signed.check()
    signed.publish(make(2), CANARY)
    signed.check()


def test_a_large_bundle_is_read_into_memory(signed: SignedRepository, tmp_path: Path) -> None:
    folder = bundle_of(tmp_path / "large", 1, weights=bytes(32 << 20))
    tracemalloc.start()
    try:
        signed.publish(folder, CANARY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


# Rollout.


def test_a_larger_share_is_of_other_devices(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    first = signed.publish(make(2), CANARY, share=1000)
    second = signed.set_share(CANARY, 2, 3000)
    assert second.salt == first.salt
    assert signed.publish(make(2), CANARY, share=1000).salt != first.salt
    seeds = [number.to_bytes(16, "big") for number in range(500)]
    small = {seed for seed in seeds if bucket(seed, first.salt) < first.share}
    large = {seed for seed in seeds if bucket(seed, second.salt) < second.share}
    assert small < large


def test_releases_that_nobody_needs_stay_in_the_document(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    signed.publish(make(2), CANARY, share=5000)
    assert numbers(signed) == [1, 2]
    signed.set_share(CANARY, 2, SHARES)
    assert numbers(signed) == [2]
    assert [each.release.number for each in signed.history(CANARY)] == [1, 2]
    with pytest.raises(MisuseError, match="is over"):
        signed.set_share(CANARY, 1, SHARES)
    with pytest.raises(MisuseError, match="never had a release 9"):
        signed.pause(CANARY, 9)
    signed.check()


def test_older_devices_lose_the_release_that_they_can_take(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    signed.publish(make(2), CANARY, minimum_client="2.0")
    assert numbers(signed) == [1, 2]
    signed.publish(make(3), CANARY, minimum_client="1.5")
    assert numbers(signed) == [1, 3]
    choice = choose(signed.channel(CANARY), client="1.0", seed=None, held=None)
    assert choice.release is not None
    assert choice.release.number == 1
    signed.check()


def test_a_channel_names_more_releases_than_devices_read(signed: SignedRepository, make: Make) -> None:
    folder = make(1)
    for _ in range(MAX_RELEASES):
        signed.publish(folder, CANARY, share=1)
    with pytest.raises(MisuseError, match="to all devices"):
        signed.publish(folder, CANARY, share=1)
    signed.set_share(CANARY, MAX_RELEASES, SHARES)
    assert signed.publish(folder, CANARY, share=1).number == MAX_RELEASES + 1
    signed.check()


def test_a_rollback_is_an_old_release(signed: SignedRepository, make: Make) -> None:
    good, bad = make(1), make(2)
    signed.publish(good, CANARY, minimum_client="1.0")
    signed.publish(bad, CANARY)
    made = signed.rollback(CANARY, 1, "worse than before")
    assert (made.number, made.returns_to, made.bundle) == (3, 1, identity(good))
    assert (made.share, made.minimum_client, made.note) == (SHARES, "1.0", "worse than before")
    signed.check()
    with pytest.raises(MisuseError, match="nothing to go back from"):
        signed.rollback(CANARY, 3, "again")
    with pytest.raises(MisuseError, match="never had"):
        signed.rollback(CANARY, 4, "again")


def test_what_was_rolled_back_comes_back_with_a_pause(signed: SignedRepository, make: Make) -> None:
    for seed in (1, 2, 3):
        signed.publish(make(seed), CANARY)
    signed.rollback(CANARY, 2, "worse")
    assert numbers(signed) == [4]
    signed.pause(CANARY, 4)
    assert numbers(signed) == [2, 4]
    signed.check()
    signed.resume(CANARY, 4)
    assert numbers(signed) == [4]


def test_a_staged_rollback_leaves_the_others_with_nothing(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    signed.publish(make(2), CANARY)
    signed.rollback(CANARY, 1, "perhaps worse", share=100)
    assert numbers(signed) == [2, 3]
    signed.set_share(CANARY, 3, SHARES)
    assert numbers(signed) == [3]


def test_switching_off_loses_the_releases(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    with pytest.raises(MisuseError, match="reason"):
        signed.switch_off(CANARY, " ")
    signed.switch_off(CANARY, "complaints")
    signed.set_minimum_client(CANARY, "1.2")
    found = signed.channel(CANARY)
    assert (found.off, found.minimum_client, numbers(signed)) == ("complaints", "1.2", [1])
    signed.check()
    signed.switch_on(CANARY)
    signed.set_minimum_client(CANARY, None)
    found = signed.channel(CANARY)
    assert (found.off, found.minimum_client, numbers(signed)) == (None, None, [1])
    with pytest.raises(MisuseError):
        signed.set_minimum_client(CANARY, "newest")


def test_a_new_channel_ends_the_others(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    signed.add_channel("films/beta")
    assert signed.channels() == (CANARY, PRODUCTION, "films/beta")
    signed.publish(make(1), "films/beta")
    signed.check()
    for name in ("films/beta", "beta", "Films/beta"):
        with pytest.raises(MisuseError):
            signed.add_channel(name)


# Pruning.


def test_a_device_in_the_middle_of_a_download_is_cut_off(signed: SignedRepository, make: Make, clock: Hands) -> None:
    for seed in (1, 2):
        signed.publish(make(seed), CANARY)
    clock.pass_(hours=23)
    assert signed.prune(keep=1).removed == ()
    clock.pass_(hours=2)
    signed.switch_off(CANARY, "complaints")
    done = signed.prune(keep=1)
    assert any(path.endswith(bundle.WEIGHTS) for path in done.removed)
    assert len(stored(signed, bundle.WEIGHTS)) == 1
    assert done.waiting > 0  # what was replaced a moment ago
    signed.check()


def test_pruning_takes_what_a_rollback_needs(signed: SignedRepository, make: Make) -> None:
    folders = [make(seed) for seed in (1, 2, 3)]
    for folder in folders:
        signed.publish(folder, CANARY)
    signed.prune(keep=2, grace=timedelta())
    signed.rollback(CANARY, 2, "worse")
    with pytest.raises(RepositoryError, match="were pruned"):
        signed.rollback(CANARY, 1, "worse")
    with pytest.raises(MisuseError, match="holds the bundle"):
        signed.rollback(CANARY, 1, "worse", bundle=folders[1])
    assert signed.rollback(CANARY, 1, "worse", bundle=folders[0]).bundle == identity(folders[0])
    signed.check()


def test_a_file_that_is_named_again_is_removed(signed: SignedRepository, make: Make, clock: Hands) -> None:
    signed.publish(make(1), CANARY)
    signed.publish(make(2), CANARY)
    clock.pass_(days=2)
    signed.rollback(CANARY, 1, "worse")
    signed.prune(keep=0)
    signed.check()


# One publisher at a time, and who else touches the files.


def test_two_publishers_publish_at_once(tmp_path: Path, clock: Hands, signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    other = opened(tmp_path, clock, wait_seconds=0.01)
    with alone(tmp_path / "repository-state", 0.01):
        with pytest.raises(RepositoryBusyError):
            other.refresh()
        assert numbers(other) == [1]
    other.refresh()


def test_a_changed_repository_is_signed(signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make) -> None:
    signed.publish(make(1), CANARY)
    path = signed.folder / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(RepositoryError, match="somebody changed it"):
        signed.refresh()
    with pytest.raises(RepositoryError, match="somebody changed it"):
        opened(tmp_path, clock)


def test_a_repository_that_was_set_back_is_signed(signed: SignedRepository, make: Make) -> None:
    path = signed.folder / "metadata" / "timestamp.json"
    before = path.read_bytes()
    signed.publish(make(1), CANARY)
    path.write_bytes(before)
    with pytest.raises(RepositoryError, match="older"):
        signed.publish(make(2), CANARY)


@pytest.mark.parametrize("role", ["snapshot", "targets", "films.canary"])
def test_a_changed_role_is_signed(signed: SignedRepository, make: Make, role: str) -> None:
    signed.publish(make(1), CANARY)
    for path in (signed.folder / "metadata").glob(f"*.{role}.json"):
        path.write_bytes(path.read_bytes().replace(b'"version":', b'"version": '))
    with pytest.raises(RepositoryError, match="not what was published"):
        signed.refresh()


def test_lost_records_lose_the_repository(signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make) -> None:
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    assert phone.numbers() == [1]
    for path in (tmp_path / "repository-state").glob("*.json"):
        path.unlink()
    again = opened(tmp_path, clock)
    assert again.publish(make(2), CANARY).number == 2
    assert phone.numbers() == [2]
    again.check()


def test_lost_records_let_a_forged_role_in(signed: SignedRepository, tmp_path: Path, clock: Hands) -> None:
    (tmp_path / "repository-state" / "committed.json").unlink()
    path = signed.folder / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"00'))
    with pytest.raises(RepositoryError, match="not signed as it should be"):
        opened(tmp_path, clock)


@pytest.mark.parametrize("name", ["committed.json", "history.json", "unnamed.json"])
@pytest.mark.parametrize("raw", [b"", b'{"schema":2}', b'{"schema":1,"more":1}'])
def test_damaged_records_are_believed(signed: SignedRepository, tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / "repository-state" / name).write_bytes(raw)
    with pytest.raises(RepositoryError):
        signed.refresh()


def test_a_missing_key_leaves_half_a_release(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make
) -> None:
    for path in (tmp_path / "keys").glob("timestamp-*.key.json"):
        path.rename(tmp_path / path.name)
    crippled = opened(tmp_path, clock)
    with pytest.raises(SigningKeyError, match="timestamp"):
        crippled.publish(make(1), CANARY)
    for path in tmp_path.glob("timestamp-*.key.json"):
        path.rename(tmp_path / "keys" / path.name)
    assert numbers(signed) == []
    whole = opened(tmp_path, clock)
    whole.check()
    # The version that lies there was never in force, and is not used for anything else.
    assert whole.publish(make(2), CANARY).number == 1
    assert (signed.folder / "metadata" / "3.films.canary.json").exists()
    whole.check()


def test_a_rollback_that_failed_withdraws_releases(tmp_path: Path, clock: Hands, make: Make) -> None:
    full = False

    def step(name: str) -> None:
        if full and name == "timestamp: written":
            raise OSError(28, "No space left on device")

    signed = create(tmp_path, clock, step=step)
    for seed in (1, 2):
        signed.publish(make(seed), CANARY)
    full = True
    with pytest.raises(OutputError, match="No space left"):
        signed.rollback(CANARY, 1, "worse")
    written = (tmp_path / "repository-state" / "history.json").read_text()
    assert '"withdrawn": true' in written
    full = False
    assert [each.withdrawn for each in signed.history(CANARY)] == [False, False]
    signed.refresh()
    signed.publish(make(3), CANARY)
    signed.pause(CANARY, 3)
    assert numbers(signed) == [2, 3]
    signed.rollback(CANARY, 1, "worse")
    assert [each.withdrawn for each in signed.history(CANARY)] == [False, True, True, False]


def test_a_full_disk_leaves_half_a_release(tmp_path: Path, clock: Hands, make: Make) -> None:
    full = False

    def step(name: str) -> None:
        if full and name == "snapshot: written":
            raise OSError(28, "No space left on device")

    signed = create(tmp_path, clock, step=step)
    full = True
    with pytest.raises(OutputError, match="No space left"):
        signed.publish(make(1), CANARY)
    full = False
    signed.check()
    assert numbers(signed) == []
    assert signed.publish(make(1), CANARY).number == 1
    assert [each.release.number for each in signed.history(CANARY)] == [1]
    signed.check()
