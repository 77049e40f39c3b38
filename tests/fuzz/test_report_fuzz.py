"""Whatever arrives as a report, a share or a message of the other aggregator, reading it ends well or is refused.

True ones are damaged and spliced; everything is drawn from the run's number, so a failure repeats.
"""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import CollectionError
from homespun.protocol.collection.report import HPKE_BYTES, Report, encode_report, parse_report, report_size
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, Split, split
from tests.conftest import Runs
from tests.fuzz.test_bundle_fuzz import mutated
from tests.sdk.protocol.collection.reports import KEY, LARGE, SMALL, Aggregators, binding, entropy, short

BOTH = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])
PARTS = ("public", "leader", "helper")


def sent(form: ShareForm, number: int) -> Split:
    return split(form, short(form, number), binding(number), entropy(number))


def verifiers(form: ShareForm) -> tuple[ShareVerifier, ShareVerifier]:
    return ShareVerifier(form, "leader", KEY), ShareVerifier(form, "helper", KEY)


@pytest.mark.timeout(300)
@BOTH
def test_a_damaged_report_crashes_its_reader(form: ShareForm, runs: Runs) -> None:
    shares = sent(form, 1)
    raw = encode_report(
        Report(bytes(16), 7, shares.public, shares.leader + bytes(HPKE_BYTES), shares.helper + bytes(HPKE_BYTES))
    )
    refused = 0
    for number in runs("damaged reports", 2000):
        changed = mutated(random.Random(f"report {number}"), raw, raw[::-1])
        if len(changed) == report_size(form) and changed[0] == 1:
            assert encode_report(parse_report(changed, form)) == changed
            continue
        refused += 1
        with pytest.raises(CollectionError):
            parse_report(changed, form)
    assert refused > 0


@pytest.mark.timeout(300)
@BOTH
def test_a_damaged_share_crashes_an_aggregator(form: ShareForm, runs: Runs) -> None:
    shares, other = sent(form, 1), sent(form, 2)
    aggregators = Aggregators(form)
    for number in runs("damaged shares", 1000):
        draw = random.Random(f"share {number}")
        parts = {name: getattr(shares, name) for name in PARTS}
        for name in draw.sample(PARTS, draw.randrange(1, 4)):
            parts[name] = mutated(draw, parts[name], getattr(other, name))
        changed = Split(**parts)
        assert aggregators.accept(changed, binding(1)) == (changed == shares)
    assert aggregators.accept(shares, binding(1))


@pytest.mark.timeout(300)
@BOTH
def test_a_damaged_message_crashes_an_aggregator(form: ShareForm, runs: Runs) -> None:
    shares = sent(form, 1)
    leader, helper = (
        verifier.prepare([share], [shares.public], [binding(1)])
        for verifier, share in zip(verifiers(form), (shares.leader, shares.helper), strict=True)
    )
    (message,), (own,) = helper.messages, leader.messages
    assert message is not None
    assert own is not None
    for number in runs("damaged messages", 2000):
        changed = mutated(random.Random(f"message {number}"), message, own)
        assert leader.accepted([changed]).tolist() == [changed == message]


@given(st.lists(st.tuples(st.binary(max_size=100), st.binary(max_size=70), st.binary(max_size=60)), max_size=3))
def test_bytes_that_are_nothing_crash_an_aggregator(found: list[tuple[bytes, bytes, bytes]]) -> None:
    total = np.zeros(SMALL.size, np.uint64)
    for verifier in verifiers(SMALL):
        shares, publics, bindings = [list(column) for column in zip(*found, strict=True)] or [[], [], []]
        made = verifier.prepare(shares, publics, bindings)
        assert made.messages == (None,) * len(found)
        made.add_accepted(made.accepted([bytes(SMALL.verifier_bytes)] * len(found)), total)
    assert not total.any()
