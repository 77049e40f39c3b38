"""Whatever a channel, golden scores, a manifest or a policy hold, reading them ends well or in a documented error.

Real files are damaged and spliced, and JSON of the right shape is filled with wrong values; everything is drawn from
the run's number, so a failure repeats.
"""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import BundleError, ChannelError, HomespunError, InvalidEventError, PolicyError
from homespun.model.manifest import parse_manifest
from homespun.protocol.channel import (
    MAX_DOCUMENT_BYTES,
    SHARES,
    Channel,
    Release,
    bucket,
    choose,
    encode_channel,
    parse_channel,
)
from homespun.protocol.golden import Golden, GoldenCase, GoldenEvent, encode_golden, parse_golden
from homespun.protocol.policy import parse_policy
from homespun.sync import Rejected, Unreachable, Updated, UpToDate
from tests.conftest import Runs
from tests.fuzz.test_bundle_fuzz import RULES, mutated
from tests.sdk import bundles
from tests.sdk.models import full_model
from tests.sdk.updating import world_of

SALT = "00112233445566778899aabbccddeeff"
NAME = "films/production"
SEED = bytes(range(32))

DOCUMENT = encode_channel(
    Channel(
        application="films",
        stage="production",
        minimum_client="0.3",
        off="Überprüfung",
        releases=tuple(
            Release(
                number=number,
                bundle=f"{number:02x}" * 32,
                size=1000 + number,
                created="2025-01-01T00:00:00+00:00",
                share=SHARES // number,
                salt=SALT,
                paused=number == 3,
                minimum_client="0.4.1" if number == 4 else None,
                returns_to=1 if number == 4 else None,
                note="warum auch immer",
            )
            for number in (1, 3, 4)
        ),
    )
)
GOLDEN = encode_golden(
    Golden(
        1,
        (
            GoldenCase((), {}, ("a", "b"), ("1.5", "-0.25")),
            GoldenCase((GoldenEvent("a", "view", 1.6e9, 4.5),), {"device": "tv", "hour": 20}, ("c",), ("12.5",)),
        ),
    )
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = bundles.write(tmp_path_factory.mktemp("whole") / "bundle", full_model(40, every=3, density=0.3))
    return (folder / "manifest.json").read_bytes()


def steer(raw: bytes) -> None:
    """Read a document and ask everything of it that a device asks."""
    document = parse_channel(raw, NAME)
    assert document.name == NAME
    assert len(raw) <= MAX_DOCUMENT_BYTES
    numbers = {release.number for release in document.releases}
    for seed in (None, SEED):
        for held in (None, 1, 3):
            choice = choose(document, client="0.4.1", seed=seed, held=held)
            assert choice.release is None or choice.release.number in numbers
    for release in document.releases:
        assert 0 <= bucket(SEED, release.salt) < SHARES
        assert len(release.bundle) == 64
        int(release.bundle, 16)


def replay(raw: bytes) -> None:
    """Read golden scores and make of them what a device makes."""
    for case in parse_golden(raw).cases:
        assert len(case.items) == len(case.scores)
        for score in case.scores:
            assert abs(float(score)) < 1e31
        for event in case.events:
            try:
                event.event()
            except InvalidEventError:
                continue


def damaged(
    runs: Runs, name: str, content: bytes, other: bytes, use: Callable[[bytes], Any], error: type[HomespunError]
) -> int:
    """Use damaged copies; return how many were refused."""
    refused = 0
    for number in runs("fuzz", 3000):
        try:
            use(mutated(random.Random(f"{name} {number}"), content, other))
        except error:
            refused += 1
    return refused


@pytest.mark.timeout(300)
def test_a_damaged_channel_document_crashes_its_reader(runs: Runs) -> None:
    assert damaged(runs, "channel", DOCUMENT, GOLDEN, steer, ChannelError) > 0


@pytest.mark.timeout(300)
def test_damaged_golden_scores_crash_their_reader(runs: Runs) -> None:
    assert damaged(runs, "golden", GOLDEN, DOCUMENT, replay, BundleError) > 0


@pytest.mark.timeout(300)
def test_a_damaged_policy_crashes_its_reader(runs: Runs) -> None:
    assert damaged(runs, "policy alone", RULES, DOCUMENT, parse_policy, PolicyError) > 0


@pytest.mark.timeout(600)
def test_damaged_answers_of_a_repository_crash_a_device(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)  # nobody pulls the plug here
    outcomes = set()
    with world_of("memory", tmp_path / "room") as world:
        world.repository.release(world.bundle("one", seed=1))
        first = dict(world.files)
        world.repository.release(world.bundle("two", seed=2))
        second = dict(world.files)
        newest = "metadata/timestamp.json"
        for number in runs("fuzz", 400):
            draw = random.Random(f"repository {number}")
            world.serve(first)
            device = world.device()
            assert device.takes() == 1
            files = dict(second)
            for path in draw.choices([newest, *sorted(set(second) - set(first))], k=draw.randrange(1, 3)):
                files[path] = mutated(draw, files[path], first[newest])
            world.serve(files)
            outcomes.add(type(device.sync()))
            # Whatever it was given, what it has is one of the two, whole.
            installed = device.facts().installed
            assert installed is not None
            assert installed[0] in (1, 2)
            world.serve(second)
            assert isinstance(device.sync(), Updated | UpToDate)
            shutil.rmtree(device.folder)
    assert outcomes >= {Rejected, Unreachable}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["films", "production", SALT, "ab" * 32, "../x", "1.0", "\x00", "\ud800", "1e9999", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def filled_otherwise(draw: st.DrawFn, whole: Any) -> bytes:
    """JSON of the same shape with other values here and there."""

    def changed(value: Any, chance: int) -> Any:
        if draw(st.integers(0, chance)) == 0:
            return draw(VALUES)
        if isinstance(value, dict):
            kept = {key: changed(each, chance) for key, each in value.items() if draw(st.integers(0, 40))}
            return kept | draw(st.dictionaries(st.text(max_size=4), VALUES, max_size=draw(st.integers(0, 1))))
        if isinstance(value, list):
            return [changed(each, chance) for each in value if draw(st.integers(0, 40))]
        return value

    return json.dumps(changed(whole, draw(st.sampled_from([3, 10, 30])))).encode()


def ends_well(raw: bytes, use: Callable[[bytes], Any], error: type[HomespunError]) -> None:
    try:
        use(raw)
    except error as refusal:
        assert str(refusal)  # noqa: PT017 - that it is none is as good


@given(filled_otherwise(json.loads(DOCUMENT)))
def test_a_channel_document_of_wrong_values_crashes_its_reader(raw: bytes) -> None:
    ends_well(raw, steer, ChannelError)


@given(filled_otherwise(json.loads(GOLDEN)))
def test_golden_scores_of_wrong_values_crash_their_reader(raw: bytes) -> None:
    ends_well(raw, replay, BundleError)


@given(st.data())
def test_a_manifest_of_wrong_values_crashes_its_reader(manifest: bytes, data: st.DataObject) -> None:
    ends_well(data.draw(filled_otherwise(json.loads(manifest))), parse_manifest, BundleError)


@given(filled_otherwise(json.loads(RULES)))
def test_a_policy_of_wrong_values_crashes_its_reader(raw: bytes) -> None:
    ends_well(raw, parse_policy, PolicyError)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
def test_bytes_that_are_nothing_crash_a_reader(raw: bytes) -> None:
    ends_well(raw, steer, ChannelError)
    ends_well(raw, replay, BundleError)
    ends_well(raw, parse_manifest, BundleError)
    ends_well(raw, parse_policy, PolicyError)


def test_the_fuzzed_files_are_refused_before_they_are_damaged(manifest: bytes) -> None:
    steer(DOCUMENT)
    replay(GOLDEN)
    parse_policy(RULES)
    assert msgspec.json.decode(DOCUMENT)
    assert parse_manifest(manifest).items == 40
