"""What one device, or one in a hundred, can still add: the proof of a report's norm, attacked.

Every vector is a device's choice; only what aggregators check decides. ``noised_check`` is the way that was not taken.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.noised_check import noised_check
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.protocol.collection.constants import COLUMN_SUBSETS, ROW_SUBSETS, TAIL
from homespun.protocol.collection.field import add_vectors, centre, of_integers
from homespun.protocol.collection.norm_proof import Numbers, prove
from homespun.protocol.collection.projections import Projector
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, Split, split
from homespun.protocol.collection.splitting import Draft
from homespun.protocol.statistics.grid import GRID, clip

SEED = 20_261_123
SIDE = 100
SIZE = SIDE * SIDE
DRAWS = 2000
LARGE = 1 << 20
NORMS = (1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20)

PEOPLE = 1000
COLLUDING = 10
ITEMS = 400
LIKES = 20

Integers = NDArray[np.int64]

SHAPES: dict[str, Callable[[np.random.Generator], NDArray[np.float64]]] = {
    "one number": lambda _: _at([0]),
    "two in a row": lambda _: _at([0, 1]),
    "four, 2 × 2": lambda _: _at([0, 1, SIDE, SIDE + 1]),
    "six, a cycle": lambda _: _at([0, 1, SIDE + 1, SIDE + 2, 2 * SIDE + 2, 2 * SIDE]),
    "a row": lambda _: _at(range(SIDE)),
    "all equal": lambda _: np.ones(SIZE),
    "Gaussian": lambda draw: draw.normal(size=SIZE),
}


def run(workspace: Workspace) -> list[Section]:
    """What one device, or one in a hundred, can still add to a sum, beside a check with noise."""
    thresholds = {}
    for done, (name, shape) in enumerate(SHAPES.items(), start=1):
        thresholds[name] = _thresholds(shape)
        workspace.observer("norms that pass", done, len(SHAPES))
    return [_norms(thresholds), _rates(), _collusion(), noised_check(SEED)]


def _at(places: list[int] | range) -> NDArray[np.float64]:
    vector = np.zeros(SIZE)
    vector[places] = 1.0
    return vector


def _scaled(shape: Callable[[np.random.Generator], NDArray[np.float64]], draw: np.random.Generator) -> Integers:
    weights = shape(draw)
    scaled: Integers = np.rint(LARGE * weights / np.abs(weights).max()).astype(np.int64)
    return scaled


def _thresholds(shape: Callable[[np.random.Generator], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return, draw by draw, the largest norm that passes, in bounds: projections are linear in the vector."""
    draw, projector = np.random.default_rng(SEED), Projector(SIZE)
    found = []
    for _ in range(DRAWS):
        vector = _scaled(shape, draw)
        words = of_integers(vector).astype(np.uint32)
        largest = np.abs(centre(projector.project(words, draw.bytes(projector.randomness)))).max()
        found.append(TAIL * float(np.linalg.norm(vector)) / float(largest))
    return np.array(found)


def _norms(thresholds: dict[str, NDArray[np.float64]]) -> Section:
    columns = ("norm, in bounds", *thresholds)
    rows: list[tuple[Cell, ...]] = [
        (norm, *(f"{np.mean(found >= norm):.1%}" for found in thresholds.values())) for norm in NORMS
    ]
    rows.append(("largest that passed", *(float(found.max()) for found in thresholds.values())))
    note = (
        f"Share of {DRAWS:,} draws of the public randomness under which a vector of {SIZE:,} numbers passes, by its "
        "shape and norm. An honest device has at most 1. A device may search for a draw; the last line is what as many "
        "tries find. No single number of more than 8 is among it."
    )
    return Section("Norms that pass the proof", columns, tuple(rows), note)


def _rates() -> Section:
    rows = tuple(_rate(name, shape) for name, shape in list(SHAPES.items())[:4])
    bound = (1 + 2.0**-ROW_SUBSETS) / 2
    rows += (("any, at most (proof)", bound, COLUMN_SUBSETS * float(-np.log2(bound))),)
    columns = ("what is large", "passes one half of the columns", "bits of a search for all")
    note = (
        "A number far above the bound passes only where every random half leaves it out or makes it cancel. Measured "
        f"over {DRAWS:,} draws of {COLUMN_SUBSETS} halves of the columns, each with {ROW_SUBSETS} of the rows; to pass "
        "all, a device would search through 2 to the bits."
    )
    return Section("How often something large cancels", columns, rows, note)


def _rate(name: str, shape: Callable[[np.random.Generator], NDArray[np.float64]]) -> tuple[Cell, ...]:
    draw, projector = np.random.default_rng(SEED), Projector(SIZE)
    words = of_integers(_scaled(shape, draw)).astype(np.uint32)
    passed = 0
    for _ in range(DRAWS):
        found = np.abs(centre(projector.project(words, draw.bytes(projector.randomness))))
        passed += int((found.reshape(COLUMN_SUBSETS, ROW_SUBSETS) <= TAIL * GRID).all(axis=1).sum())
    rate = passed / (DRAWS * COLUMN_SUBSETS)
    return name, rate, COLUMN_SUBSETS * float(-np.log2(rate))


def _collusion() -> Section:
    rows: list[tuple[Cell, ...]] = []
    for times in (1, TAIL, TAIL + 1, 1000):
        honest, found, accepted = _round(times)
        moved = int((found - honest)[-1])
        honest_most = COLLUDING * GRID
        rows.append((times, f"{accepted} of {COLLUDING}", moved / GRID, moved / honest_most, *_ranks(honest, found)))
    columns = (
        "each adds, in bounds",
        "accepted",
        "item moved by, in bounds",
        "times what honest devices could",
        "rank before",
        "rank after",
    )
    note = (
        f"{PEOPLE - COLLUDING:,} made-up people like {LIKES} of {ITEMS} items, popular ones more often; {COLLUDING} "
        "devices add to the last item all they can. Through the whole proof: split, checked by leader and helper, "
        "added up."
    )
    return Section("One device in a hundred colludes", columns, tuple(rows), note)


def _ranks(honest: Integers, found: Integers) -> Iterator[int]:
    for sums in (honest, found):
        yield 1 + int((sums > sums[-1]).sum())


def _round(times: int) -> tuple[Integers, Integers, int]:
    """Return the honest sum, what the aggregators have, and how many of those who collude were accepted."""
    form, draw = ShareForm(ITEMS, GRID, GRID), np.random.default_rng(SEED)
    vectors = [_likes(draw) for _ in range(PEOPLE - COLLUDING)]
    bindings = [number.to_bytes(56, "big") for number in range(PEOPLE)]
    splits = [split(form, vector, bound_to, draw.bytes) for vector, bound_to in zip(vectors, bindings, strict=False)]
    attack = np.zeros(ITEMS, np.int64)
    attack[-1] = times * GRID
    splits += [_unchecked(form, attack, bound_to, draw.bytes) for bound_to in bindings[len(vectors) :]]
    accepted, sums = _taken(form, splits, bindings)
    return np.sum(vectors, axis=0), sums, int(accepted[len(vectors) :].sum())


def _likes(draw: np.random.Generator) -> Integers:
    popularity = 1.0 / np.arange(1, ITEMS + 1)
    liked = draw.choice(ITEMS, LIKES, replace=False, p=popularity / popularity.sum())
    vector = np.zeros(ITEMS, np.int64)
    vector[liked] = clip(np.ones(LIKES, np.int64), np.array([0, LIKES]), GRID)
    return vector


def _unchecked(form: ShareForm, vector: Integers, bound_to: bytes, entropy: Callable[[int], bytes]) -> Split:
    """Split a vector that nobody adds, with the proof of the nearest numbers in the range where it has none."""
    words = of_integers(vector).astype(np.uint32)
    draft = Draft.draw(form, words, bound_to, entropy)
    numbers = centre(Numbers(form).of(words, bound_to, draft.public))
    proof = prove(form, np.clip(numbers, -form.offset, form.offset), draft.masks)
    if proof is None:
        raise AssertionError("clipped numbers are in the range")
    return draft.finished(proof)


def _taken(form: ShareForm, splits: list[Split], bindings: list[bytes]) -> tuple[NDArray[np.bool_], Integers]:
    publics, key = [one.public for one in splits], bytes(32)
    leader = ShareVerifier(form, "leader", key).prepare([one.leader for one in splits], publics, bindings)
    helper = ShareVerifier(form, "helper", key).prepare([one.helper for one in splits], publics, bindings)
    accepted = leader.accepted(helper.messages)
    sums = np.zeros((2, form.size), np.uint64)
    leader.add_accepted(accepted, sums[0])
    helper.add_accepted(helper.accepted(leader.messages), sums[1])
    return accepted, centre(add_vectors(sums[0], sums[1]))
