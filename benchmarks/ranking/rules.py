"""How long a hundred rules take in one request, and to be compiled for a bundle.

An invented catalogue without a model: rules look at tags, attributes and ids only. Half of the rules hold; conditions
are about the hour, the weekday, the place, the device, counts in the history, where the person stands and how many
items they like. What is timed is all that a list asks for: which rules act, what they add to the pool, which of it they
keep out, and what the others are about.

Non-goal: what a list does with the answers.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import scaled, time_in_rounds
from benchmarks.ranking.rule_cases import HOLDING, invented_events, invented_rules, situation_of
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.protocol.policy.rules import Boost, Bury, Filter
from homespun.ranking.rules import Past, RuleBook, Situation

CATALOGUES = (10_000, 100_000, 1_000_000)
RULES = 100
POOL = 300
EVENTS = 500
SEED = 20_130_101
ROUNDS = 15
LEAST_SECONDS = 0.01
BRANDS = 200
TAGS = 40

Positions = NDArray[np.int64]


class InventedShelf:
    """Items with tags, of which few are frequent, a price and a brand."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self._rng = rng
        self._prices = rng.lognormal(3.0, 1.0, size)
        self._brands = rng.integers(0, BRANDS, size).astype(np.int32)
        self._popular = rng.standard_normal(size)

    def __contains__(self, item: object) -> bool:
        return item in self._places

    def position(self, item: str) -> int:
        """Return where an item is."""
        return self._places[item]

    def positions_of(self, items: Iterable[str]) -> Positions:
        """Return where some items are."""
        return np.array([self._places[item] for item in set(items)], np.int64)

    def tagged(self, tag: str) -> Positions:
        """Return the items that carry a tag."""
        return self._tagged[tag]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the price; nothing else is a number."""
        return self._prices if name == "price" else np.full(self.size, np.nan)

    def texts(self, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the brand; nothing else is a text."""
        known = name == "brand"
        values = tuple(f"brand-{number}" for number in range(BRANDS)) if known else ()
        return values, self._brands if known else np.full(self.size, -1, np.int32)

    def popularity(self, positions: Positions) -> NDArray[np.float64]:
        """Return how popular items are."""
        return self._popular[positions]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {f"item-{number}": number for number in range(self.size)}

    @cached_property
    def _tagged(self) -> dict[str, Positions]:
        return {
            f"tag-{number}": np.flatnonzero(self._rng.random(self.size) < 0.5 / (number + 1)) for number in range(TAGS)
        }


def run(workspace: Workspace) -> list[Section]:
    """Time of rules for several catalogues."""
    rng = np.random.default_rng(SEED)
    timings = {}
    for items in CATALOGUES:
        subjects, facts = _subjects(InventedShelf(items, rng), rng)
        timings[items] = facts, time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=LEAST_SECONDS)
        workspace.observer("time rules", len(timings), len(CATALOGUES))
    return [_requests(timings), _preparing(timings)]


def _subjects(
    shelf: InventedShelf, rng: np.random.Generator
) -> tuple[dict[str, Callable[[], object]], tuple[int, int]]:
    """Return what is timed by name; and how many rules act, and how many candidates they name."""
    rules = invented_rules(RULES, TAGS, shelf.size, rng)
    events = invented_events(EVENTS, shelf.size, rng)
    # Read before the clock runs: a bundle's tags and ids are there without rules too.
    shelf.tagged("tag-0"), shelf.position("item-0")
    book, situation = RuleBook(rules, shelf, shelf.popularity), situation_of(Past(events, shelf))
    pool = rng.choice(shelf.size, POOL, replace=False)
    firing = book.firing(situation)
    subjects: dict[str, Callable[[], object]] = {
        "all": lambda: _ask(book, situation, pool),
        "firing": lambda: book.firing(situation),
        "candidates": lambda: book.firing(situation).candidates,
        "history": lambda: book.firing(situation_of(Past(events, shelf))),
        "compile": lambda: RuleBook(rules, shelf, shelf.popularity),
        "dry run": lambda: book.report(situation),
    }
    return subjects, (len(firing.rules), firing.candidates.size)


def _ask(book: RuleBook, situation: Situation, pool: Positions) -> None:
    firing = book.firing(situation)
    firing.spreads(pool)
    firing.barred(pool)
    firing.masks([rule for rule in firing.rules if not isinstance(rule.then, Boost | Bury | Filter)], pool)


Timings = Mapping[int, tuple[tuple[int, int], dict[str, list[float]]]]


def _requests(timings: Timings) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (f"{items:,}", acting, named, *(scaled(timing[name], 1e6) for name in ("all", "firing", "candidates")))
        for items, ((acting, named), timing) in timings.items()
    ]
    columns = ("items", "rules acting", "items named", "request, µs", "conditions alone, µs", "and candidates, µs")
    note = f"Median (range) of {ROUNDS} rounds; {RULES} rules, of which about {HOLDING:.0%} hold; a pool of {POOL}. "
    note += "Request: which rules act, and what they do to the pool."
    return Section("Rules in one request", columns, tuple(rows), note)


def _preparing(timings: Timings) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (f"{items:,}", *(scaled(timing[name], 1e3) for name in ("compile", "history", "dry run")))
        for items, (_, timing) in timings.items()
    ]
    columns = ("items", "compile, ms", "first request of a history, ms", "dry run, ms")
    note = f"Compiled once for a bundle. A history of {EVENTS} events is counted at its first request."
    return Section("What is done once", columns, tuple(rows), note)
