"""A declaration is known by its digest: the same for what is the same, another for whatever is changed."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from homespun.protocol.statistics.declaration import Statistic, Universe, universe_of
from homespun.protocol.statistics.standard import STANDARD, outcomes

FIXED = {"schema", "type", "items", "shape"}
"""What can have one value only, or changes together with others only."""

INSTEAD = {"width": 32, "digest": "1" * 64, "min_weight": "0.5", "products": [["impressions", "clicks"]]}
"""Of fields whose values cannot simply be one more or one letter longer."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every plain value of a declaration stands, of lists the last."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, (*path, name))
    elif isinstance(value, list):
        for place in range(len(value))[-1:]:
            yield from leaves(value[place], (*path, place))
    elif not FIXED & set(path):
        yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy in which the value at ``path`` is another."""
    if not path:
        return value + ("s" if isinstance(value, str) else 1)
    first, *rest = path
    below = INSTEAD[first] if first in INSTEAD else changed(value[first], tuple(rest))
    return value | {first: below} if isinstance(value, dict) else [*value[:first], below, *value[first + 1 :]]


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda statistic: statistic.name)
def test_a_changed_declaration_has_the_same_digest(statistic: Statistic) -> None:
    plain = json.loads(msgspec.json.encode(msgspec.structs.replace(statistic, max_people=1000)))
    paths = [path for path in leaves(plain) if statistic.universe.items or path != ("universe", "digest")]
    digests = [statistic.digest, *(msgspec.convert(changed(plain, path), Statistic).digest for path in paths)]
    assert len(set(digests)) == len(digests) > 9
    assert {"name", "counts", "l2_bound", "grid", "width", "max_people", "purpose"} <= {path[0] for path in paths}


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda statistic: statistic.name)
def test_the_same_declaration_has_another_digest(statistic: Statistic) -> None:
    plain = json.loads(msgspec.json.encode(statistic))
    backwards = dict(reversed(plain.items()))
    assert msgspec.json.decode(json.dumps(backwards, indent=3), type=Statistic).digest == statistic.digest


def test_moving_a_letter_from_one_field_to_the_next_keeps_the_digest() -> None:
    universe = Universe(items=1, digest="0" * 64)
    assert outcomes(universe, ["ab", "c"]).digest != outcomes(universe, ["a", "bc"]).digest


def test_two_universes_look_alike() -> None:
    digests = {universe_of(ids).digest for ids in (["a", "b"], ["b", "a"], ["ab"], ["a"], ["a", "b", "b"])}
    assert len(digests) == 5
    expected = hashlib.sha256("ä\nb c\n".encode()).hexdigest()
    assert universe_of(["ä", "b c"]) == Universe(items=2, digest=expected)
