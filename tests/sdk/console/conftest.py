"""A person with likes, and a browser that came in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from tests.sdk.console.visiting import NOTICE, Visitor
from tests.sdk.people import BOTH, EXPLANATION_LOG, Machine

LIKED = ("item-3", "item-8", "item-21", "item-30")


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path / "machine", bundle)


@pytest.fixture
def me(machine: Machine) -> Iterator[hs.Personalizer]:
    with machine.allowed(*BOTH, EXPLANATION_LOG) as person:
        for number, item in enumerate(LIKED):
            person.record(item, "rate", weight=9.0, time=1_699_000_000.0 + 86_400 * number)
        yield person


@pytest.fixture
def visitor(me: hs.Personalizer) -> Iterator[Visitor]:
    with Visitor(me.console.url(notice=NOTICE)) as found:
        yield found
