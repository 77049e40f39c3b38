"""A key that should not sign does, a key that is lost ends the repository, or too few people are enough."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, Timestamp

from homespun.errors import MisuseError
from homespun_server.errors import RepositoryError, SigningKeyError
from homespun_server.publishing.repository import Keys, KeyStore, SignedRepository, sign_root
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.roles import meta_file
from tests.server.publishing.repository.devices import Phone
from tests.server.publishing.repository.support import (
    CANARY,
    PRODUCTION,
    Hands,
    create,
    key_store,
    opened,
    snapshot_of,
)

Make = Callable[..., Path]
TOP = ("root", "targets", "snapshot", "timestamp")


@pytest.fixture
def offline(tmp_path: Path, clock: Hands) -> list[KeyStore]:
    return [key_store(tmp_path / f"person-{number}", clock) for number in range(3)]


@pytest.fixture
def shared(tmp_path: Path, clock: Hands, offline: list[KeyStore]) -> SignedRepository:
    """A repository whose root is signed by two of three people, the first of whom has the targets key as well."""
    return create(tmp_path, clock, root_keys=3, threshold=2, offline=offline)


def keyids(signed: SignedRepository, role: str) -> list[str]:
    return [use.keyid for use in signed.keys.show() if use.role == role and use.threshold]


def metadata(signed: SignedRepository, name: str) -> Metadata[Any]:
    return Metadata.from_file(str(signed.folder / "metadata" / name))


def newest(signed: SignedRepository, role: str) -> Metadata[Any]:
    return metadata(signed, f"{Layout(signed.folder).highest(role)}.{role}.json")


@contextmanager
def refused(because: str) -> Iterator[None]:
    with pytest.raises((TufError, RepositoryError), match=because):
        yield


# The first keys.


@pytest.mark.parametrize(("root_keys", "threshold"), [(0, 0), (1, 0), (1, 2), (33, 1)])
def test_a_threshold_that_nobody_can_meet(tmp_path: Path, clock: Hands, root_keys: int, threshold: int) -> None:
    with pytest.raises(MisuseError, match="cannot sign a root"):
        create(tmp_path, clock, root_keys=root_keys, threshold=threshold)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("channels", [("films",), ("films/canary", "films/canary"), ("Films/canary",)])
def test_a_channel_that_cannot_be(tmp_path: Path, clock: Hands, channels: tuple[str, ...]) -> None:
    with pytest.raises(MisuseError):
        create(tmp_path, clock, channels=channels)
    assert not (tmp_path / "keys").exists()


def test_a_repository_is_made_over_another(tmp_path: Path, clock: Hands, signed: SignedRepository) -> None:
    before = snapshot_of(tmp_path)
    with pytest.raises(RepositoryError, match="there is a repository"):
        create(tmp_path, clock)
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    with pytest.raises(RepositoryError, match="there are keys"):
        create(tmp_path, clock)
    (tmp_path / "elsewhere").rename(tmp_path / "repository")
    assert snapshot_of(tmp_path) == before
    signed.check()


def test_offline_keys_lie_with_the_online_ones(shared: SignedRepository, tmp_path: Path) -> None:
    online = {path.name.split("-")[0] for path in (tmp_path / "keys").glob("*.key.json")}
    assert online == {"snapshot", "timestamp", "films.canary", "films.production"}
    roots = [len(list((tmp_path / f"person-{number}").glob("root-*.key.json"))) for number in range(3)]
    assert roots == [1, 1, 1]
    shared.check()


def test_publishing_needs_the_offline_keys(shared: SignedRepository, tmp_path: Path, clock: Hands, make: Make) -> None:
    daily = opened(tmp_path, clock)
    daily.publish(make(1), CANARY)
    daily.refresh()
    daily.check()
    with pytest.raises(SigningKeyError, match="--offline"):
        daily.add_channel("films/beta")
    with pytest.raises(SigningKeyError, match="--offline"):
        daily.keys.rotate(CANARY)
    for role in ("root", "targets"):
        with pytest.raises(SigningKeyError, match="kept apart"):
            daily.keys.rotate(role)
    assert len(list((tmp_path / "keys").glob("*.key.json"))) == 4
    assert shared.channels() == (CANARY, PRODUCTION)


# Rotation.


@pytest.mark.parametrize("role", [*TOP, CANARY])
def test_a_rotation_loses_a_device(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make, role: str
) -> None:
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    fresh = Phone(signed, tmp_path / "fresh", clock)
    assert phone.numbers() == [1]
    name = role.replace("/", ".")
    before = keyids(signed, name)
    rotation = signed.keys.rotate(role)
    assert rotation.root is None
    assert list(rotation.removed) == before
    assert list(rotation.added) == keyids(signed, name)
    assert not set(before) & {use.keyid for use in signed.keys.show()}
    signed.check()
    again = opened(tmp_path, clock)
    again.publish(make(2), CANARY)
    again.refresh()
    assert phone.numbers() == fresh.numbers() == [2]


def test_a_device_sees_a_rotation_half_done(tmp_path: Path, clock: Hands, make: Make) -> None:
    seen: list[list[int]] = []
    watching = False

    def watch(_: str) -> None:
        if watching:
            seen.append(Phone(signed, tmp_path / "phone", clock).numbers())

    signed = create(tmp_path, clock, step=watch)
    signed.publish(make(1), CANARY)
    watching = True
    for role in (*TOP, CANARY):
        signed.keys.rotate(role)
    watching = False
    assert len(seen) > 50
    assert all(numbers == [1] for numbers in seen)


def test_a_lost_timestamp_key_ends_the_repository(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make
) -> None:
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    assert phone.numbers() == [1]
    for path in (tmp_path / "keys").glob("timestamp-*.key.json"):
        path.unlink()
    again = opened(tmp_path, clock)
    with pytest.raises(SigningKeyError):
        again.refresh()
    again.keys.rotate("timestamp")
    again.check()
    again.publish(make(2), CANARY)
    assert phone.numbers() == [2]


def test_one_of_two_people_is_enough(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore]
) -> None:
    phone = Phone(shared, tmp_path / "phone", clock)
    phone.sees()
    alone = opened(tmp_path, clock, offline=offline[1:2])
    before = keyids(alone, "timestamp")
    rotation = alone.keys.rotate("timestamp")
    assert (rotation.missing, keyids(alone, "timestamp")) == (1, before)
    assert rotation.root is not None
    alone.check()
    with pytest.raises(RepositoryError, match="lacks signatures"):
        alone.keys.install(rotation.root)
    with pytest.raises(SigningKeyError, match="no root key"):
        sign_root(rotation.root, Keys(offline[1]))
    signed, count = sign_root(rotation.root, Keys(offline[2]))
    assert count == 1
    done = alone.keys.install(signed)
    assert (done.root, list(done.removed)) == (None, before)
    assert keyids(alone, "timestamp") == list(rotation.added) == list(done.added)
    alone.check()
    phone.sees()
    with pytest.raises(RepositoryError, match="has version 2, and the next is 3"):
        alone.keys.install(signed)


@pytest.mark.parametrize("named", [(0,), (0, 1), (0, 0, 1, 2, 2)])
def test_a_rotation_leaves_the_root_to_fewer_people(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore], named: tuple[int, ...]
) -> None:
    before = snapshot_of(shared.folder)
    signed = opened(tmp_path, clock, offline=[key_store(offline[number].folder, clock) for number in named])
    if len(set(named)) < len(offline):
        with pytest.raises(MisuseError, match="folder of each person"):
            signed.keys.rotate("root")
        assert snapshot_of(shared.folder) == before
    else:
        assert signed.keys.rotate("root").root is None
    held = [[file.role for file in store.files()].count("root") for store in offline]
    assert held == [1, 1, 1]
    shared.check()


def test_a_revocation_gives_one_person_two_root_keys(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore]
) -> None:
    (lost,) = [file.keyid for file in offline[2].files() if file.role == "root"]
    with pytest.raises(MisuseError, match="folder of each person"):
        opened(tmp_path, clock, offline=offline[:2]).keys.revoke(lost)
    successor = key_store(tmp_path / "dora", clock)
    rotation = opened(tmp_path, clock, offline=[*offline[:2], successor]).keys.revoke(lost)
    assert rotation.root is None
    assert [successor.holds(keyid) for keyid in rotation.added] == [True]
    shared.check()


def test_new_people_sign_for_themselves(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore]
) -> None:
    """Two of the old root's keys and two of the new one's are needed; the new ones alone are not enough."""
    strangers = [key_store(tmp_path / f"stranger-{number}", clock) for number in range(3)]
    taken = opened(tmp_path, clock, offline=strangers)
    rotation = taken.keys.rotate("root")
    assert rotation.root is not None
    assert rotation.missing == 2
    with pytest.raises(RepositoryError, match="lacks signatures"):
        taken.keys.install(rotation.root)
    Phone(shared, tmp_path / "phone", clock).sees()
    raw = rotation.root
    for store in offline[:2]:
        raw, _ = sign_root(raw, Keys(store))
    assert taken.keys.install(raw).root is None
    shared.check()
    assert keyids(shared, "root") == list(rotation.added)


def test_a_root_that_devices_refuse_is_followed(signed: SignedRepository, tmp_path: Path, clock: Hands) -> None:
    """Whoever can write to the served folder puts a root there that names their own keys."""
    forged = metadata(signed, "1.root.json")
    forged.signed.version = 2
    thief = CryptoSigner.generate_ed25519()
    for keyid in list(forged.signed.roles["root"].keyids):
        forged.signed.revoke_key(keyid, "root")
    forged.signed.add_key(thief.public_key, "root")
    forged.sign(thief)
    forged.to_file(str(signed.folder / "metadata" / "2.root.json"))
    with pytest.raises(RepositoryError, match="lacks signatures"):
        signed.refresh()
    with pytest.raises(RepositoryError, match="lacks signatures"):
        opened(tmp_path, clock)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"signed":{"_type":"timestamp"},"signatures":[]}', b"\xff"])
def test_something_else_is_installed_as_a_root(signed: SignedRepository, tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(RepositoryError):
        signed.keys.install(raw)
    with pytest.raises(RepositoryError):
        sign_root(raw, Keys(key_store(tmp_path / "keys")))
    with pytest.raises(RepositoryError):
        signed.keys.install((signed.folder / "metadata" / "timestamp.json").read_bytes())
    signed.check()


# Revocation.


@pytest.mark.parametrize("role", [*TOP, CANARY])
def test_a_revoked_key_still_signs(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make, role: str
) -> None:
    """What a thief signs with a revoked key is refused by a device that trusts the first root."""
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    phone.sees()
    name = role.replace("/", ".")
    (keyid,) = keyids(signed, name)
    stolen = key_store(tmp_path / "keys").signer(keyid)
    rotation = signed.keys.revoke(keyid[:8])
    assert rotation.removed == (keyid,)
    assert keyids(signed, name) == list(rotation.added)
    assert not key_store(tmp_path / "keys").holds(keyid)
    signed.check()
    for each in ("targets", "snapshot", "films.canary", "films.production"):
        assert keyid not in newest(signed, each).signatures
    assert keyid not in metadata(signed, "timestamp.json").signatures
    _forge(signed, name, stolen)
    with refused("was signed by 0/1 keys"):
        phone.sees()


def _forge(signed: SignedRepository, role: str, thief: CryptoSigner) -> None:
    """Give a role a new version signed by the thief, and everything above it by its own keys."""
    folder = signed.folder / "metadata"
    online = key_store(signed.folder.parent / "keys")
    if role == "root":
        root = newest(signed, "root")
        raw = _signed(root, [thief])
        (folder / f"{root.signed.version}.root.json").write_bytes(raw)
        return
    snapshot, timestamp = newest(signed, "snapshot"), metadata(signed, "timestamp.json")
    if role not in {"snapshot", "timestamp"}:
        raw = _signed(newest(signed, role), [thief])
        version = Metadata.from_bytes(raw).signed.version
        (folder / f"{version}.{role}.json").write_bytes(raw)
        snapshot.signed.meta[f"{role}.json"] = meta_file(version, raw)
    signers = [thief] if role == "snapshot" else [online.signer(key) for key in keyids(signed, "snapshot")]
    raw = _signed(snapshot, signers)
    (folder / f"{snapshot.signed.version}.snapshot.json").write_bytes(raw)
    assert isinstance(timestamp.signed, Timestamp)
    timestamp.signed.snapshot_meta = meta_file(snapshot.signed.version, raw)
    signers = [thief] if role == "timestamp" else [online.signer(key) for key in keyids(signed, "timestamp")]
    (folder / "timestamp.json").write_bytes(_signed(timestamp, signers))


def _signed(role: Metadata[Any], signers: list[CryptoSigner]) -> bytes:
    role.signed.version += 1
    role.signatures.clear()
    for signer in signers:
        role.sign(signer, append=True)
    return role.to_bytes()


def test_the_forger_of_these_tests_forges_nothing(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make
) -> None:
    """Without the revocation, devices follow what the very same thief signs."""
    signed.publish(make(1), CANARY)
    for role in ("targets", "snapshot", "timestamp", "films.canary", "root"):
        (keyid,) = keyids(signed, role)
        phone = Phone(signed, tmp_path / role, clock)
        before = snapshot_of(signed.folder)
        _forge(signed, role, key_store(tmp_path / "keys").signer(keyid))
        assert phone.numbers() == [1]
        assert snapshot_of(signed.folder) != before
        for name, content in before.items():
            (signed.folder / name).write_bytes(content)


def test_a_revoked_persons_key_is_needed(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore]
) -> None:
    gone = offline[0].files()
    (root,) = [file.keyid for file in gone if file.role == "root"]
    left = opened(tmp_path, clock, offline=offline[1:])
    rotation = left.keys.revoke(root, replace=False)
    assert (rotation.root, rotation.added) == (None, ())
    assert len(keyids(left, "root")) == 2
    left.check()
    # One key too few: a new one is made even so.
    rotation = left.keys.revoke(keyids(left, "root")[0], replace=False)
    assert (rotation.root, len(rotation.added)) == (None, 1)
    left.check()


@pytest.mark.parametrize("keyid", ["", "zz", "0" * 64])
def test_a_key_that_is_none_is_revoked(signed: SignedRepository, keyid: str) -> None:
    with pytest.raises(MisuseError, match="keys show"):
        signed.keys.revoke(keyid)


def test_a_role_that_is_none_is_rotated(signed: SignedRepository) -> None:
    for role in ("films/beta", "admin", "films.canary"):
        with pytest.raises(MisuseError, match="neither a role nor a channel"):
            signed.keys.rotate(role)


def test_unused_keys_are_taken_for_trusted_ones(signed: SignedRepository, tmp_path: Path) -> None:
    stray = key_store(tmp_path / "keys").generate("timestamp").keyid
    (use,) = [use for use in signed.keys.show() if not use.threshold]
    assert (use.keyid, use.role) == (stray, "timestamp")
    assert len(signed.keys.show()) == 7


# Expiry.


@pytest.mark.parametrize(
    ("days", "role"), [(2, "timestamp"), (8, "snapshot"), (31, "channel"), (181, "targets"), (366, "root")]
)
def test_an_expired_role_stays_expired(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make, days: int, role: str
) -> None:
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    assert phone.numbers() == [1]
    clock.pass_(days=days)
    with refused("expired"):
        phone.sees()
    with refused("expired"):
        signed.check()
    again = opened(tmp_path, clock)
    if role == "root":
        assert [name for name, _ in again.refresh().due] == ["root"]
        again.keys.renew()
    done = again.refresh()
    assert (done.signed[-1], done.due) == ("timestamp", ())
    again.check()
    assert phone.numbers() == [1]


def test_what_is_not_due_is_signed_again_and_again(signed: SignedRepository, clock: Hands) -> None:
    before = snapshot_of(signed.folder)
    assert signed.refresh(always=False).signed == ()
    clock.pass_(hours=11)
    assert signed.refresh(always=False).signed == ()
    assert snapshot_of(signed.folder) == before
    clock.pass_(hours=2)
    assert signed.refresh(always=False).signed == ("timestamp",)
    clock.pass_(days=4)
    assert signed.refresh(always=False).signed == ("snapshot", "timestamp")
    signed.check()


def test_an_expiring_offline_role_goes_unnoticed(
    shared: SignedRepository, tmp_path: Path, clock: Hands, offline: list[KeyStore]
) -> None:
    clock.pass_(days=100)
    daily = opened(tmp_path, clock)
    assert [role for role, _ in daily.refresh().due] == ["targets"]
    assert daily.refresh(always=False).signed == ()
    daily.check()
    assert "targets" in opened(tmp_path, clock, offline=offline).refresh().signed
    shared.check()


def test_lifetimes_are_others(signed: SignedRepository) -> None:
    found = {
        "root": newest(signed, "root"),
        "targets": newest(signed, "targets"),
        "channel": newest(signed, "films.canary"),
        "snapshot": newest(signed, "snapshot"),
        "timestamp": metadata(signed, "timestamp.json"),
    }
    now = Hands()()
    assert {name: role.signed.expires - now for name, role in found.items()} == {
        "root": timedelta(days=365),
        "targets": timedelta(days=180),
        "channel": timedelta(days=30),
        "snapshot": timedelta(days=7),
        "timestamp": timedelta(days=1),
    }


# Names.


def test_another_channels_key_signs_for_this_one(
    signed: SignedRepository, tmp_path: Path, clock: Hands, make: Make
) -> None:
    signed.publish(make(1), CANARY)
    phone = Phone(signed, tmp_path / "phone", clock)
    (keyid,) = keyids(signed, "films.production")
    _forge(signed, "films.canary", key_store(tmp_path / "keys").signer(keyid))
    with refused("was signed by 0/1 keys"):
        phone.sees()


def test_the_shipped_root_is_another_than_the_first(signed: SignedRepository, tmp_path: Path) -> None:
    shipped = tmp_path / "keys" / "root.json"
    assert shipped.read_bytes() == (signed.folder / "metadata" / "1.root.json").read_bytes() == signed.root
    assert json.loads(shipped.read_bytes())["signed"]["consistent_snapshot"] is True
    signed.keys.renew()
    assert shipped.read_bytes() == (signed.folder / "metadata" / "2.root.json").read_bytes()
