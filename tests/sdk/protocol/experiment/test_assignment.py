"""A device is in another variant than before, in two experiments that exclude each other, or in more than its share."""

import json
from hashlib import sha256
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import ChannelError
from homespun.protocol.channel import Channel, Release, choose
from homespun.protocol.experiment import Holdout, Layer, Variant, variant_of
from tests.sdk.protocol.experiment.support import experiment

VECTOR = json.loads((Path(__file__).parents[3] / "vectors" / "1" / "experiment.json").read_text(encoding="utf-8"))
DEVICES = 4_000
seeds = st.binary(min_size=16, max_size=32)
parts = st.integers(1, 5_000)


def devices() -> list[bytes]:
    return [sha256(number.to_bytes(4, "big")).digest() for number in range(DEVICES)]


def variants(*shares: int) -> tuple[Variant, ...]:
    return tuple(Variant(name=f"v{place}", share=share, text="x") for place, share in enumerate(shares))


def within(found: int, people: int, share: float) -> bool:
    """Whether a count is what chance gives: six standard deviations, which happens once in a thousand million times."""
    return abs(found - people * share) <= 6 * sqrt(people * share * (1 - share)) + 1


@pytest.mark.parametrize("shares", [(5_000, 5_000), (1_000, 9_000), (3_000, 3_000, 3_000), (1, 1)])
def test_variants_have_other_shares_than_they_say(shares: tuple[int, ...]) -> None:
    made = experiment(variants=variants(*shares))
    found = [variant_of(made, seed) for seed in devices()]
    for place, share in enumerate(shares):
        assert within(found.count(place), DEVICES, share / 10_000)
    assert within(found.count(None), DEVICES, 1 - sum(shares) / 10_000)


@given(seeds, parts, parts)
def test_a_device_changes_its_variant(seed: bytes, first: int, second: int) -> None:
    made = experiment(variants=variants(first, second))
    assert variant_of(made, seed) == variant_of(made, seed)
    renamed = experiment(variants=variants(first, second), name="another", text="Another text.")
    assert variant_of(renamed, seed) == variant_of(made, seed)


@given(seeds, parts, parts, parts)
def test_a_device_leaves_its_variant_when_the_control_grows(seed: bytes, first: int, second: int, more: int) -> None:
    before = variant_of(experiment(variants=variants(min(first, more), second)), seed)
    after = variant_of(experiment(variants=variants(max(first, more), second)), seed)
    assert before is None or after == before


@given(seeds, st.integers(1, 3_000), st.integers(1, 3_000))
def test_a_device_gets_another_bundle_than_its_variant_has(seed: bytes, second: int, third: int) -> None:
    """Staged releases of the variants' bundles with the experiment's salt reach the devices of the variants."""
    shares = (10_000 - second - third, second, third)
    made = experiment(
        variants=tuple(
            Variant(name=f"v{place}", share=share, text="x", bundle=str(place) * 64)
            for place, share in enumerate(shares)
        )
    )
    reached = (10_000, second + third, third)
    releases = tuple(
        Release(number=place + 1, bundle=str(place) * 64, size=1, created="2031-02-03", share=share, salt=made.salt)
        for place, share in enumerate(reached)
    )
    chosen = choose(Channel(application="films", stage="test", releases=releases), client="1.0", seed=seed, held=None)
    place = variant_of(made, seed)
    assert place is not None
    assert chosen.release is not None
    assert chosen.release.bundle == made.variants[place].bundle


@given(seeds, st.integers(1, 9_999))
def test_two_experiments_that_exclude_each_other_share_a_device(seed: bytes, cut: int) -> None:
    one = experiment(layer=Layer(name="home", first=0, slots=cut), salt="a" * 32)
    other = experiment(layer=Layer(name="home", first=cut, slots=10_000 - cut), salt="b" * 32)
    assert [variant_of(one, seed), variant_of(other, seed)].count(None) == 1


@given(seeds)
def test_a_device_in_a_holdout_is_in_an_experiment(seed: bytes) -> None:
    held = Holdout(name="none", share=9_999)
    alone = [variant_of(experiment(holdout=held, salt=salt * 32), seed) for salt in "abcdef"]
    assert len({found is None for found in alone}) == 1
    assert alone[0] is None or variant_of(experiment(holdout=Holdout(name="none", share=1)), seed) is not None


def test_variants_say_something_about_layers_holdouts_or_each_other() -> None:
    layer, holdout = Layer(name="home", first=2_500, slots=5_000), Holdout(name="none", share=2_000)
    one = experiment(layer=layer, holdout=holdout, salt="a" * 32)
    other = experiment(layer=layer, holdout=holdout, salt="b" * 32)
    found = [(variant_of(one, seed), variant_of(other, seed)) for seed in devices()]
    eligible = [pair for pair in found if pair != (None, None)]
    assert within(len(eligible), DEVICES, 0.5 * 0.8)
    for pair in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert within(eligible.count(pair), len(eligible), 0.25)


def test_a_short_secret_is_used() -> None:
    with pytest.raises(ChannelError, match="needs 16"):
        variant_of(experiment(), b"0" * 15)


def test_assignments_differ_from_the_released_version() -> None:
    made = experiment(layer=Layer(name="home", first=2_500, slots=5_000), holdout=Holdout(name="none", share=2_000))
    for seed, variant in VECTOR["assignments"]:
        assert variant_of(made, bytes.fromhex(seed)) == variant
    assert {variant for _, variant in VECTOR["assignments"]} == {None, 0, 1}
