"""What one aggregator sees of a report does not depend on the person: held against a simulator that knows nothing.

An aggregator has its own share, the commitments, and what the other one tells it. The simulator draws the share, draws
the wires at the points, and computes the rest from them, because the rest follows. Both views are compared as
they are where they are equal, and by their distribution where they are random.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, chisquare

from homespun.protocol.collection.bit_proof import POINTS
from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.field import Elements, elements_of, multiply, subtract, total
from homespun.protocol.collection.norm_proof import Query
from homespun.protocol.collection.opening import leader_commitment
from homespun.protocol.collection.shares import Role, ShareForm, ShareVerifier, Split, split
from homespun.protocol.statistics.grid import GRID
from tests.sdk.protocol.collection.reports import KEY, LARGE, SMALL, Integers, binding, entropy

ROUNDS = 300
LEAST_P = 1e-3
"""Of the chi-square tests: seeds are fixed, so that each of them is made once."""

Person = Callable[[ShareForm], Integers]
BOTH = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])


def nobody(form: ShareForm) -> Integers:
    return np.zeros(form.size, np.int64)


def somebody(form: ShareForm) -> Integers:
    vector = nobody(form)
    vector[:9] = min(form.largest, GRID // 3)
    return vector


def splits(form: ShareForm, vector: Integers, rounds: int = ROUNDS) -> list[Split]:
    return [split(form, vector, binding(number), entropy(number)) for number in range(rounds)]


def told(form: ShareForm, role: Role, sent: Sequence[Split]) -> Elements:
    """Return what an aggregator tells the other: uint64 [n, POINTS, wires + 2]."""
    verifier = ShareVerifier(form, role, KEY)
    bindings = [binding(number) for number in range(len(sent))]
    messages = verifier.prepare([getattr(one, role) for one in sent], [one.public for one in sent], bindings).messages
    read = [elements_of(message) for message in messages if message is not None]
    return np.array(read, np.uint64).reshape(len(sent), POINTS, -1)


def asked(form: ShareForm, sent: Sequence[Split]) -> Query:
    return Query.draw(form, KEY, [(binding(number), one.public) for number, one in enumerate(sent)])


def simulated(form: ShareForm, query: Query, own: Elements, seed: int) -> Elements:
    """Return what the other aggregator might have told, made from one's own answers and nothing else."""
    wires = np.random.default_rng(seed).integers(0, MODULUS, query.squares.shape, np.uint64)
    squares = total(multiply(query.squares, multiply(wires, wires)))
    both = np.concatenate([wires, squares[..., None], np.zeros_like(squares)[..., None]], axis=2)
    return subtract(both, own)


def bytes_of(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how often each byte occurs."""
    counts: NDArray[np.int64] = np.bincount(np.frombuffer(values.astype("<u4").tobytes(), np.uint8), minlength=256)
    return counts


@BOTH
def test_the_helper_s_share_depends_on_the_person(form: ShareForm) -> None:
    for one, other in zip(splits(form, nobody(form), 5), splits(form, somebody(form), 5), strict=True):
        assert one.helper == other.helper
        assert one.public[32:] == other.public[32:]
        assert one.leader != other.leader


@BOTH
@pytest.mark.parametrize("person", [nobody, somebody])
def test_the_leader_s_share_is_not_uniform(form: ShareForm, person: Person) -> None:
    counts = np.zeros(256, np.int64)
    for one in splits(form, person(form)):
        counts += np.bincount(np.frombuffer(one.leader, np.uint8), minlength=256)
    # Elements are uniform below p, not below 2³²: what is missing are five in four thousand million.
    assert chisquare(counts).pvalue > LEAST_P


@BOTH
def test_one_place_of_the_leader_s_share_tells_the_person(form: ShareForm) -> None:
    # The first number is the largest of somebody's, and nothing of nobody's; so is its first bit.
    for place in (0, form.size):
        counts = [
            np.bincount([one.leader[16 + 4 * place + 3] >> 4 for one in splits(form, vector, 400)], minlength=16)
            for vector in (nobody(form), somebody(form))
        ]
        assert chi2_contingency(np.array(counts)).pvalue > LEAST_P


@BOTH
def test_commitments_tell_the_person(form: ShareForm) -> None:
    for vector in (nobody(form), somebody(form)):
        public = b"".join(one.public for one in splits(form, vector))
        assert chisquare(np.bincount(np.frombuffer(public, np.uint8), minlength=256)).pvalue > LEAST_P


@BOTH
def test_a_guess_of_the_person_can_be_checked(form: ShareForm) -> None:
    # Whoever has the helper's share can compute the leader's vector for a guess; the leader's blind is missing.
    (one,) = splits(form, nobody(form), 1)
    blind, vector = one.leader[:16], one.leader[16 : 16 + 4 * form.size]
    assert leader_commitment(binding(0), blind, vector) == one.public[:32]
    assert leader_commitment(binding(0), bytes(16), vector) != one.public[:32]


@BOTH
@pytest.mark.parametrize("other", ["leader", "helper"])
@pytest.mark.parametrize("person", [nobody, somebody])
def test_what_the_other_tells_differs_from_a_simulation(form: ShareForm, other: Role, person: Person) -> None:
    sent = splits(form, person(form))
    own = told(form, "helper" if other == "leader" else "leader", sent)
    said = told(form, other, sent)
    query = asked(form, sent)
    made = simulated(form, query, own, 1)
    # Exactly: all but the wires follow from them, and from one's own answers.
    both = (said + own) % np.uint64(MODULUS)
    wires = both[..., :-2]
    assert not both[..., -1].any()
    assert both[..., -2].tolist() == total(multiply(query.squares, multiply(wires, wires))).tolist()
    # The wires are uniform, each byte and each pair of the two points.
    assert chi2_contingency(np.array([bytes_of(said), bytes_of(made)])).pvalue > LEAST_P
    top = (wires >> np.uint64(28)).astype(np.int64)
    pairs = np.bincount((16 * top[:, 0] + top[:, 1]).ravel(), minlength=256)
    assert chisquare(pairs).pvalue > LEAST_P


@BOTH
def test_simulated_reports_are_told_from_true_ones(form: ShareForm) -> None:
    # One histogram a view of two people and of the simulation, over everything that the helper sees of the leader.
    views = [told(form, "leader", splits(form, person(form))) for person in (nobody, somebody)]
    sent = splits(form, nobody(form))
    views.append(simulated(form, asked(form, sent), told(form, "helper", sent), 2))
    assert chi2_contingency(np.array([bytes_of(view) for view in views])).pvalue > LEAST_P
