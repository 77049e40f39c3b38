"""A task promises what its noise does not keep, wraps, contradicts itself, or is another one than its name says."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.collection.constants import LARGEST_SUM, MODULUS, NORM_PROOF_DELTA
from homespun.protocol.collection.keys import is_of_small_order
from homespun.protocol.collection.task import (
    CHARGED_DELTA,
    MAX_INDEX_BYTES,
    MAX_TASK_BYTES,
    Aggregator,
    CollectionIndex,
    Ref,
    Task,
    encode_index,
    encode_task,
    encode_universe,
    experiment_path,
    index_path,
    parse_index,
    parse_task,
    parse_universe,
    task_path,
    universe_path,
)
from homespun.protocol.statistics.declaration import Universe, universe_of
from homespun.protocol.statistics.standard import item_counts, transitions
from homespun.protocol.zcdp import delta_of
from tests.sdk.protocol.collection.support import IDS, aggregator, counts, narrow, sigma_of, task

VECTOR = json.loads((Path(__file__).parents[3] / "vectors" / "1" / "task.json").read_bytes())


# What it promises


@settings(max_examples=30)  # a conversion takes 25 ms
@given(st.sampled_from(["0.25", "1", "4.5"]), st.sampled_from(["0.000001", "0.00000001"]))
def test_one_aggregators_noise_keeps_less_than_the_task_promises(epsilon: str, delta: str) -> None:
    sigma = sigma_of(counts(), float(epsilon), float(delta))
    made = task(epsilon=epsilon, delta=delta, sigma=sigma)
    assert delta_of(float(made.rho), float(epsilon)) <= float(Decimal(delta)) - NORM_PROOF_DELTA
    with pytest.raises(MisuseError, match="does not keep"):
        task(epsilon=epsilon, delta=delta, sigma=sigma - 1)


@pytest.mark.parametrize(
    ("epsilon", "delta"),
    [("0", "0.000001"), ("1", "0"), ("1", "1"), ("1", "2"), ("1", "0.000000000002")],
)
def test_an_epsilon_that_promises_nothing_is_published(epsilon: str, delta: str) -> None:
    with pytest.raises(MisuseError, match="promise nothing"):
        task(epsilon=epsilon, delta=delta)


@pytest.mark.parametrize("text", ["1e3", "inf", "nan", "-1", "1.0", "01", " 1", "1\n", "0,5", "٣"])
def test_an_epsilon_reads_differently_to_two_readers(text: str) -> None:
    with pytest.raises(CollectionError):
        parse_task(canonical({**plain(task()), "epsilon": text}))


# What fits


def test_a_sum_wraps_the_modulus() -> None:
    most = LARGEST_SUM - 2 * counts().noise_tail(sigma_of(counts()))
    fits = most // counts().l2_bound
    assert task(counts(fits)).statistic.max_people == fits
    with pytest.raises(MisuseError, match="wraps modulo"):
        task(counts(fits + 1))


def test_one_noise_fits_and_both_wrap() -> None:
    statistic = counts(100)
    sigma = 2 * LARGEST_SUM // (3 * statistic.noise_tail(1))
    statistic.check_capacity(sigma)
    assert task(statistic, sigma=sigma // 2, minimum_batch=2).sigma == sigma // 2
    with pytest.raises(MisuseError, match="both noises"):
        task(statistic, sigma=sigma, minimum_batch=2)


def test_a_report_is_larger_than_a_device_sends() -> None:
    items = Universe(items=1025, digest="0" * 64)
    with pytest.raises(MisuseError, match="at most"):
        task(narrow(transitions(items)))


def test_shares_of_another_width_are_declared() -> None:
    with pytest.raises(MisuseError, match="32 bits"):
        task(msgspec.structs.replace(counts(), width=64))


@pytest.mark.parametrize("delta", ["0.0011", "0.5", "0.99999"])
def test_a_promise_that_fails_often_is_one(delta: str) -> None:
    with pytest.raises(MisuseError, match="fail too often"):
        task(delta=delta)


@settings(max_examples=20)  # a conversion takes 25 ms
@given(st.sampled_from(["0.25", "1", "4.5"]), st.sampled_from(["0.00000001", "0.000001", "0.00001", "0.001"]))
def test_a_report_is_charged_less_than_its_noise_costs(epsilon: str, delta: str) -> None:
    made = task(epsilon=epsilon, delta=delta, sigma=sigma_of(counts(), float(epsilon), float(delta)))
    price = made.price / 10**12
    assert price >= float(epsilon)
    assert delta_of(float(made.rho), price) <= CHARGED_DELTA - NORM_PROOF_DELTA
    assert (price == float(epsilon)) is (float(delta) <= CHARGED_DELTA)


def test_something_is_sealed_to_a_point_of_small_order() -> None:
    """Each point that the library refuses to agree on a secret with, by both its spellings, and none that it takes."""
    prime = 2**255 - 19
    one = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    order_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504
    other_8 = 39382357235489614581723060781553021112529911719440698176882885853963445705823
    for number in (0, 1, order_8, other_8, prime - 1, prime, prime + 1, 9, 2, prime + 9, prime - 2):
        for raw in (number, number | 1 << 255):
            key = raw.to_bytes(32, "little")
            try:
                one.exchange(X25519PublicKey.from_public_bytes(key))
                is_refused = False
            except ValueError:
                is_refused = True
            assert is_of_small_order(key.hex()) is is_refused


# What contradicts itself


def at(name: str, url: str, digit: str = "b") -> Aggregator:
    return Aggregator(name=name, url=url, key=digit * 64)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"closes": 1_700_000_000}, "open before it closes"),
        ({"expires": 1_700_599_999}, "expire no earlier"),
        ({"delay_seconds": 600_000}, "longest delay"),
        ({"events_from": 5, "events_until": 5}, "end before they begin"),
        ({"minimum_batch": 10_001}, "above the most people"),
        ({"experiment": "d" * 64}, "'measurement'"),
        ({"collector": "a" * 64}, "keys of their own"),
        ({"helper": aggregator("helper", "a")}, "keys of their own"),
        ({"helper": msgspec.structs.replace(aggregator("leader", "b"))}, "same address"),
        ({"helper": at("helper", "https://leader.example.org:8443")}, "same address"),
        (
            {"leader": at("one", "https://[2001:db8::1]", "a"), "helper": at("other", "https://[2001:db8::1]:1")},
            "same address",
        ),
        ({"helper": at("leader", "https://helper.example.org")}, "same name"),
        ({"collector": "0" * 64}, "key of the collector is none"),
    ],
)
def test_a_task_contradicts_itself(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(MisuseError, match=why):
        task(**fields)


@pytest.mark.parametrize("url", ["http://leader.example.org", "https://leader.example.org/a", "https://Leader.org", ""])
def test_an_aggregator_is_no_origin(url: str) -> None:
    with pytest.raises(CollectionError):
        parse_task(canonical({**plain(task()), "leader": {**plain(task())["leader"], "url": url}}))


def test_one_place_for_development_is_refused() -> None:
    leader = aggregator("leader", "a")
    both = task(leader=leader, helper=msgspec.structs.replace(leader, key="b" * 64), development=True)
    assert parse_task(encode_task(both)).development


@pytest.mark.parametrize("name", ["minimum_batch", "opens", "sigma", "time_precision"])
def test_a_number_is_out_of_range(name: str) -> None:
    for value in (-1, 0.5, True, "7"):
        with pytest.raises(CollectionError):
            parse_task(canonical_of({**plain(task()), name: value}))


def test_a_batch_of_one_is_asked_for() -> None:
    with pytest.raises(CollectionError):
        parse_task(canonical({**plain(task()), "minimum_batch": 1}))


# What is read


def test_a_task_is_read_as_another_than_was_written() -> None:
    raw = encode_task(task())
    assert parse_task(raw) == task()
    assert parse_task(raw).id == hashlib.sha256(raw).digest()


@pytest.mark.parametrize(
    "spell",
    [
        lambda raw: raw + b"\n",
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b'"closes":', b'"closes":1,"closes":'),
        lambda raw: json.dumps(json.loads(raw), indent=1).encode(),
    ],
)
def test_one_task_has_two_spellings_and_two_ids(spell: Any) -> None:
    with pytest.raises(CollectionError):
        parse_task(spell(encode_task(task())))


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"[" * 100_000, b"\xff", b"{" * 10, b'{"schema":2}'])
def test_nonsense_is_read_as_a_task(raw: bytes) -> None:
    with pytest.raises(CollectionError):
        parse_task(raw)
    with pytest.raises(CollectionError):
        parse_index(raw if raw != b"{}" else b'{"tasks":[]}')


def test_something_unknown_is_passed_over() -> None:
    with pytest.raises(CollectionError):
        parse_task(canonical({**plain(task()), "also": 1}))


def test_a_huge_task_is_parsed() -> None:
    with pytest.raises(CollectionError, match="larger than"):
        parse_task(b" " * (MAX_TASK_BYTES + 1))
    with pytest.raises(CollectionError, match="larger than"):
        parse_index(b" " * (MAX_INDEX_BYTES + 1))


def test_a_report_tells_its_second() -> None:
    made = task(time_precision=3600)
    assert made.rounded(1_700_003_599) == 1_700_002_800
    assert made.rounded(1_700_002_800) == 1_700_002_800


# The index and the items


def test_an_index_is_read_as_another_than_was_written() -> None:
    index = CollectionIndex(tasks=(Ref(sha256="a" * 64, size=7),), experiments=(Ref(sha256="b" * 64, size=8),))
    assert parse_index(encode_index(index)) == index


def test_an_index_names_a_task_twice() -> None:
    twice = {"schema": 1, "tasks": [{"sha256": "a" * 64, "size": 7}] * 2, "experiments": []}
    with pytest.raises(CollectionError, match="twice"):
        parse_index(canonical(twice))


def test_paths_are_outside_what_a_channels_role_may_sign() -> None:
    paths = [
        index_path("films/canary"),
        task_path("films/canary", "a" * 64),
        experiment_path("films/canary", "a" * 64),
        universe_path("films/canary", "a" * 64),
    ]
    assert [path.count("/") for path in paths] == [3, 3, 3, 3]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("films/canary/") for path in paths)


def test_other_items_are_counted_than_were_declared() -> None:
    statistic = item_counts(universe_of(IDS))
    assert parse_universe(encode_universe(IDS), statistic) == IDS
    for raw in (encode_universe(IDS[::-1]), encode_universe(IDS)[:-1], encode_universe((*IDS, "dune")), b""):
        with pytest.raises(CollectionError, match="not those"):
            parse_universe(raw, statistic)


def test_items_fit_their_digest_and_not_their_number() -> None:
    raw = encode_universe(("heat", "heat"))
    for items in (2, 3):
        universe = Universe(items=items, digest=hashlib.sha256(raw).hexdigest())
        with pytest.raises(CollectionError, match="different ones"):
            parse_universe(raw, item_counts(universe))


def test_items_that_are_no_text_are_counted() -> None:
    raw = b"\xff\n"
    universe = Universe(items=1, digest=hashlib.sha256(raw).hexdigest())
    with pytest.raises(CollectionError, match="no text"):
        parse_universe(raw, item_counts(universe))


# Golden vectors


@pytest.mark.parametrize("case", VECTOR["tasks"], ids=lambda case: case["name"])
def test_a_released_task_is_read_differently(case: dict[str, str]) -> None:
    made = parse_task(case["json"].encode())
    assert made.id.hex() == case["id"]
    assert str(made.rho) == case["rho"]
    assert made.modulus == MODULUS


def test_a_released_index_is_read_differently() -> None:
    assert encode_index(parse_index(VECTOR["index"].encode())).decode() == VECTOR["index"]


def plain(made: Task) -> Any:
    return msgspec.to_builtins(made)


def canonical_of(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
