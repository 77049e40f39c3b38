"""A channel's document steers devices otherwise than it says, or says what it may not."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import DelegatedRole

from homespun.errors import ChannelError
from homespun.protocol.channel import (
    DOCUMENT,
    MAX_DOCUMENT_BYTES,
    MAX_RELEASES,
    MIN_SEED_BYTES,
    SHARES,
    Channel,
    Release,
    bucket,
    check_channel_name,
    choose,
    document_path,
    encode_channel,
    file_path,
    is_at_least,
    parse_channel,
    path_patterns,
    role_name,
)

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "1" / "channel.json").read_bytes())
BUNDLE = "ab" * 32
SALTS = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100")


def release(number: int = 1, **fields: Any) -> Release:
    whole = {"bundle": BUNDLE, "size": 100, "created": "2025-01-01T00:00:00+00:00", "share": SHARES, "salt": SALTS[0]}
    return Release(number=number, **{**whole, **fields})


def channel(*releases: Release, **fields: Any) -> Channel:
    return Channel(**{"application": "films", "stage": "production", "releases": releases, **fields})


def seed_of(device: int) -> bytes:
    return hashlib.sha256(f"device {device}".encode()).digest()


SEEDS = st.binary(min_size=MIN_SEED_BYTES, max_size=64)
SALT = st.integers(0, (1 << 128) - 1).map(lambda number: f"{number:032x}")
VERSIONS = st.lists(st.integers(0, 30), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
TEXT = st.text(max_size=30).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))
FIELDS = st.fixed_dictionaries(
    {
        "share": st.one_of(st.integers(0, SHARES), st.just(SHARES)),
        "salt": SALT,
        "paused": st.booleans(),
        "minimum_client": st.none() | VERSIONS,
        "returns_to": st.none() | st.integers(1, 50),
        "note": TEXT,
    }
)


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    numbers = sorted(draw(st.sets(st.integers(1, 100), max_size=MAX_RELEASES)))
    return channel(
        *(release(number, **draw(FIELDS)) for number in numbers),
        minimum_client=draw(st.none() | VERSIONS),
        off=draw(st.none() | TEXT),
    )


# What a device takes


@given(SEEDS, SALT, st.integers(0, SHARES), st.integers(0, SHARES))
def test_a_larger_share_loses_a_device_of_the_smaller(seed: bytes, salt: str, one: int, other: int) -> None:
    small, large = sorted((one, other))

    def taken(share: int) -> bool:
        return choose(channel(release(share=share, salt=salt)), client="1.0", seed=seed, held=None).release is not None

    assert taken(large) or not taken(small)
    assert taken(SHARES)
    assert not taken(0)


@given(channels(), SEEDS | st.none(), VERSIONS, st.none() | st.integers(1, 100))
def test_a_device_decides_otherwise_when_asked_again(
    document: Channel, seed: bytes | None, client: str, held: int | None
) -> None:
    choice = choose(document, client=client, seed=seed, held=held)
    again = choose(parse_channel(encode_channel(document), document.name), client=client, seed=seed, held=held)
    assert again == choice


@given(channels(), SEEDS | st.none(), VERSIONS, st.none() | st.integers(1, 100))
def test_a_device_takes_what_it_may_not_have(
    document: Channel, seed: bytes | None, client: str, held: int | None
) -> None:
    choice = choose(document, client=client, seed=seed, held=held)
    if choice.release is None:
        assert choice.why
        return
    taken = choice.release
    newer = [each for each in document.releases if each.number > taken.number]
    assert is_at_least(client, document.minimum_client)
    assert bool(newer) == bool(choice.why)
    if taken.number != held:
        assert not taken.paused
        assert is_at_least(client, taken.minimum_client)
        assert taken.share == SHARES or (seed is not None and bucket(seed, taken.salt) < taken.share)
    for each in newer:
        alone = choose(channel(each), client=client, seed=seed, held=None)
        assert alone.release is None
    assert held not in {each.number for each in newer}


@given(channels(), SEEDS | st.none(), VERSIONS)
def test_a_device_takes_another_release_once_it_has_the_one_that_it_chose(
    document: Channel, seed: bytes | None, client: str
) -> None:
    first = choose(document, client=client, seed=seed, held=None)
    if first.release is not None:
        assert choose(document, client=client, seed=seed, held=first.release.number) == first


def test_a_paused_release_is_taken_away_from_a_device_that_has_it() -> None:
    document = channel(release(1), release(2, paused=True))
    assert choose(document, client="1.0", seed=seed_of(1), held=2).release == document.releases[1]
    other = choose(document, client="1.0", seed=seed_of(1), held=1)
    assert other.release == document.releases[0]
    assert "paused" in other.why


def test_a_device_leaves_its_release_when_the_share_shrinks() -> None:
    document = channel(release(1), release(2, share=0))
    assert choose(document, client="1.0", seed=seed_of(1), held=2).release == document.releases[1]
    assert choose(document, client="1.0", seed=seed_of(1), held=None).release == document.releases[0]


def test_a_rollback_does_not_reach_devices_that_have_the_newest() -> None:
    document = channel(release(1), release(2), release(3, returns_to=1))
    assert choose(document, client="1.0", seed=None, held=2).release == document.releases[2]


def test_a_device_without_a_secret_takes_part_in_a_staged_rollout() -> None:
    document = channel(release(1), release(2, share=SHARES - 1))
    choice = choose(document, client="1.0", seed=None, held=None)
    assert choice.release == document.releases[0]
    assert "staged rollout" in choice.why


def test_an_old_client_takes_a_release_that_it_cannot_use() -> None:
    document = channel(release(1), release(2, minimum_client="2.1"))
    choice = choose(document, client="2.0.9", seed=None, held=None)
    assert choice.release == document.releases[0]
    assert "2.1" in choice.why
    assert choose(document, client="2.1.0rc1", seed=None, held=None).release == document.releases[1]
    none = choose(msgspec.structs.replace(document, minimum_client="3.0"), client="2.1", seed=None, held=1)
    assert none.release is None
    assert "3.0" in none.why


def test_an_empty_channel_gives_something() -> None:
    choice = choose(channel(), client="1.0", seed=None, held=7)
    assert choice.release is None
    assert "no release" in choice.why


# Buckets


def test_buckets_are_not_uniform() -> None:
    devices, cells = 20_000, 50
    counts = [0] * cells
    for device in range(devices):
        counts[bucket(seed_of(device), SALTS[0]) * cells // SHARES] += 1
    expected = devices / cells
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    # Chi-squared with 49 degrees of freedom is above 85.4 once in a thousand; the devices are always the same.
    assert statistic < 85.4


def test_the_same_devices_are_the_first_every_time() -> None:
    first, second = ({d for d in range(20_000) if bucket(seed_of(d), salt) < SHARES // 10} for salt in SALTS)
    assert 1800 < len(first) < 2200
    # Independent tenths share a hundredth: 200 of 20,000, give or take 14.
    assert 130 < len(first & second) < 270


@given(SEEDS, SALT)
def test_a_bucket_is_outside_the_shares(seed: bytes, salt: str) -> None:
    assert 0 <= bucket(seed, salt) < SHARES


def test_a_secret_that_can_be_guessed_is_used() -> None:
    with pytest.raises(ChannelError, match="15 bytes"):
        bucket(bytes(MIN_SEED_BYTES - 1), SALTS[0])


# Names and paths


@pytest.mark.parametrize(
    "name",
    [
        "",
        "films",
        "films/",
        "/production",
        "films/production/x",
        "Films/production",
        "films/..",
        "../films",
        "films\\production",
        "films/production\n",
        "films//production",
        "f" * 33 + "/production",
        "films/próduction",
        "films.x/production",
        "*/production",
        "1films/production",
    ],
)
def test_a_name_that_leads_elsewhere_is_a_channels(name: str) -> None:
    with pytest.raises(ChannelError, match="not the name of a channel"):
        check_channel_name(name)
    with pytest.raises(ChannelError):
        role_name(name)


def test_a_role_signs_for_another_channel() -> None:
    names = ["films/production", "films/canary", "film/production", "films/production-2", "filmsx/production"]
    for name in names:
        role = DelegatedRole(role_name(name), [], 1, terminating=True, paths=list(path_patterns(name)))
        for other in names:
            paths = [document_path(other), file_path(other, BUNDLE, "weights.bin")]
            assert [role.is_delegated_path(path) for path in paths] == [name == other] * 2
        assert not role.is_delegated_path(f"{name}/x.json")
        assert not role.is_delegated_path(f"{name}/{BUNDLE}/deep/{DOCUMENT}")
    assert len({role_name(name) for name in names}) == len(names)


def test_versions_are_compared_as_text() -> None:
    assert is_at_least("1.10.0", "1.9")
    assert is_at_least("1.2", "1.2.0")
    assert is_at_least("1.2.0", "1.2")
    assert not is_at_least("1.2", "1.2.1")
    assert is_at_least("anything", None)
    assert not is_at_least("anything", "0.1")


# The document


@given(channels())
def test_a_document_that_was_written_cannot_be_read(document: Channel) -> None:
    raw = encode_channel(document)
    assert parse_channel(raw, "films/production") == document
    assert encode_channel(parse_channel(raw, "films/production")) == raw


def test_a_document_of_another_channel_is_accepted() -> None:
    raw = encode_channel(channel(release(), stage="canary"))
    with pytest.raises(ChannelError, match="mixed up"):
        parse_channel(raw, "films/production")


def test_a_document_of_a_later_version_is_read() -> None:
    raw = json.dumps({"schema": 2, "everything": "else"}).encode()
    with pytest.raises(ChannelError, match="Update homespun"):
        parse_channel(raw, "films/production")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "numbers twice": lambda raw: raw["releases"].append(raw["releases"][0]),
    "numbers out of order": lambda raw: raw["releases"].reverse(),
    "number 0": lambda raw: raw["releases"][0].update(number=0),
    "share above all": lambda raw: raw["releases"][0].update(share=SHARES + 1),
    "negative share": lambda raw: raw["releases"][0].update(share=-1),
    "share that is no whole number": lambda raw: raw["releases"][0].update(share=0.5),
    "short salt": lambda raw: raw["releases"][0].update(salt="00"),
    "salt with a line break": lambda raw: raw["releases"][0].update(salt=SALTS[0] + "\n"),
    "bundle outside": lambda raw: raw["releases"][0].update(bundle="../../etc/passwd"),
    "bundle in capitals": lambda raw: raw["releases"][0].update(bundle="AB" * 32),
    "bundle with a line break": lambda raw: raw["releases"][0].update(bundle=BUNDLE + "\n"),
    "no size": lambda raw: raw["releases"][0].update(size=0),
    "version in words": lambda raw: raw["releases"][0].update(minimum_client="latest"),
    "unknown field of a release": lambda raw: raw["releases"][0].update(run="rm -rf"),
    "unknown field": lambda raw: raw.update(run="rm -rf"),
    "too many releases": lambda raw: raw.update(
        releases=[{**raw["releases"][0], "number": number} for number in range(1, MAX_RELEASES + 2)]
    ),
    "long note": lambda raw: raw["releases"][0].update(note="x" * 501),
    "no application": lambda raw: raw.pop("application"),
    "no version": lambda raw: raw.pop("schema"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_document_that_contradicts_the_rules_is_accepted(change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads(encode_channel(channel(release(1), release(2))))
    change(raw)
    with pytest.raises(ChannelError):
        parse_channel(json.dumps(raw).encode(), "films/production")


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b"\xff", b'{"schema": 1e400}', b"[" * 10_000])
def test_what_is_no_document_is_accepted(raw: bytes) -> None:
    with pytest.raises(ChannelError):
        parse_channel(raw, "films/production")


def test_a_document_without_end_is_parsed() -> None:
    with pytest.raises(ChannelError, match="larger than"):
        parse_channel(encode_channel(channel()) + b" " * MAX_DOCUMENT_BYTES, "films/production")


def test_a_document_that_no_device_accepts_is_written() -> None:
    for wrong in (channel(release(2), release(1)), channel(release(share=SHARES + 1)), channel(stage="UPPER")):
        with pytest.raises(ChannelError):
            encode_channel(wrong)


# What was published before


@pytest.mark.parametrize("place", range(len(VECTOR["buckets"])))
def test_a_released_bucket_changed(place: int) -> None:
    vector = VECTOR["buckets"][place]
    assert bucket(bytes.fromhex(vector["seed"]), vector["salt"]) == vector["bucket"]


def test_a_released_document_is_read_or_written_otherwise() -> None:
    raw = VECTOR["canonical"].encode()
    document = parse_channel(raw, "films/production")
    assert encode_channel(document) == raw
    assert hashlib.sha256(raw).hexdigest() == VECTOR["sha256"]
    assert document.off == "Überprüfung"
    assert [each.number for each in document.releases] == [3, 4, 7]
    assert document.releases[-1].returns_to == 3


@pytest.mark.parametrize("place", range(len(VECTOR["choices"])))
def test_a_released_document_steers_devices_otherwise(place: int) -> None:
    vector = VECTOR["choices"][place]
    document = parse_channel(VECTOR["canonical"].encode(), "films/production")
    seed = None if vector["seed"] is None else bytes.fromhex(vector["seed"])
    choice = choose(document, client=vector["client"], seed=seed, held=vector["held"])
    assert (choice.release.number if choice.release else None) == vector["release"]


def test_a_bucket_needs_more_than_the_standard_library() -> None:
    # The formula by itself, so that a device in another language can be checked against it.
    import hmac

    draw = random.Random("buckets")
    for _ in range(50):
        seed, salt = draw.randbytes(16), draw.randbytes(16).hex()
        digest = hmac.digest(seed, b"homespun bucket 1\n" + salt.encode("ascii"), "sha256")
        assert bucket(seed, salt) == int.from_bytes(digest[:8], "big") % 10_000
