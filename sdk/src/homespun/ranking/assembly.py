"""Puts a list together, place by place, from candidates in their order: pins, kept places, reserved shares, caps.

Rules: a cap is never exceeded, by pins either. A pinned item stands at its place, or the place is told as unmet. A
reserved share holds from the top on: among the first j places at least ⌊share · j⌋, as soon as a place is free for it.
Where nothing fits, the next candidate takes the place, so that a list is only as short as its candidates are few. Pure;
scores are not looked at, only the order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Truths = NDArray[np.bool_]

Cause = Literal["order", "pin", "kept", "reserve", "explore"]

Explore = Callable[[Sequence[int]], tuple[int, float]]
"""Picks one of some candidates, given in their order; returns it and how likely it was to be picked."""


class Pin(NamedTuple):
    """A place for the best of some candidates.

    Attributes:
        rule: Which rule's, by its number.
        place: From 1.
        fits: Truth values [p].
    """

    rule: int
    place: int
    fits: Truths


class Cap(NamedTuple):
    """At most so many of some candidates.

    Attributes:
        at_most: How many.
        fits: Truth values [p].
    """

    at_most: int
    fits: Truths


class Reserve(NamedTuple):
    """A share of the places for some candidates.

    Attributes:
        rule: Which rule's, by its number.
        share: From 0 to 1.
        fits: Truth values [p].
    """

    rule: int
    share: float
    fits: Truths


@dataclass(frozen=True, eq=False)
class Plan:
    """What a list has to be like.

    Attributes:
        length: How many places, from 1.
        pins: The first ones go first.
        caps: All of them hold.
        reserves: The first ones go first.
        kept_every: Every so-manieth place is kept for ``kept``; 0: none.
        kept: Truth values [p]; None: nobody.
        explored: Places, from 1, that ``explore`` fills.
        explore: Picks.
    """

    length: int
    pins: Sequence[Pin] = ()
    caps: Sequence[Cap] = ()
    reserves: Sequence[Reserve] = ()
    kept_every: int = 0
    kept: Truths | None = None
    explored: frozenset[int] = frozenset()
    explore: Explore | None = None


class Placed(NamedTuple):
    """One place of a list.

    Attributes:
        candidate: Which candidate has it.
        cause: Why.
        rule: Whose pin or reserved share it is, by the rule's number; None for the others.
        propensity: How likely the candidate was to get the place, given those before.
    """

    candidate: int
    cause: Cause
    rule: int | None = None
    propensity: float = 1.0


@dataclass(frozen=True)
class Assembled:
    """A list.

    Attributes:
        places: From the first on.
        unmet: Numbers of the rules whose pin or share found nothing that fits.
    """

    places: tuple[Placed, ...]
    unmet: frozenset[int]


def assemble(order: Sequence[int], plan: Plan) -> Assembled:
    """Return a list.

    Args:
        order: The candidates, best first, each once, in 0..p − 1; those that may not be listed are not among them.
        plan: What the list has to be like.
    """
    return _Assembly(order, plan).run()


class _Assembly:
    def __init__(self, order: Sequence[int], plan: Plan) -> None:
        self._plan = plan
        # A dictionary, because candidates leave from its middle and keep their order.
        self._left = dict.fromkeys(order)
        self._room = [cap.at_most for cap in plan.caps]
        self._unmet: set[int] = set()
        self._reserved = [0] * len(plan.reserves)

    def run(self) -> Assembled:
        """Return the list."""
        pinned = self._pinned()
        places: list[Placed] = []
        for place in range(1, self._plan.length + 1):
            placed = pinned.get(place) or self._next(place)
            if placed is None:
                # Pins behind the end of what there is move up to it.
                later = sorted(each for each in pinned if each > place)
                places += [pinned[each] for each in later]
                break
            places.append(placed)
            self._count(placed.candidate)
        return Assembled(tuple(places), frozenset(self._unmet))

    def _pinned(self) -> dict[int, Placed]:
        pinned: dict[int, Placed] = {}
        for pin in self._plan.pins:
            place = next((each for each in range(pin.place, self._plan.length + 1) if each not in pinned), None)
            candidate = None if place is None else self._best(pin.fits)
            if place is None or candidate is None:
                self._unmet.add(pin.rule)
                continue
            self._take(candidate)
            pinned[place] = Placed(candidate, "pin", pin.rule)
        return pinned

    def _next(self, place: int) -> Placed | None:
        plan = self._plan
        wanted = list(self._wanted(place))
        # A place that is reserved or kept is not for exploring.
        if plan.explore is not None and place in plan.explored and len(wanted) == 1:
            allowed = self._allowed(None)
            if allowed:
                candidate, propensity = plan.explore(allowed)
                self._take(candidate)
                return Placed(candidate, "order" if candidate == allowed[0] else "explore", None, propensity)
        for cause, rule, fits in wanted:
            best = self._best(fits)
            if best is not None:
                # Who is next in order has the place by that, and not because it is kept.
                by_order = cause != "order" and best == self._best(None)
                self._take(best)
                return Placed(best, "order") if by_order else Placed(best, cause, rule)
            if rule is not None:
                self._unmet.add(rule)
        return None

    def _wanted(self, place: int) -> Iterator[tuple[Cause, int | None, Truths | None]]:
        plan = self._plan
        if plan.kept_every and place % plan.kept_every == 0:
            yield "kept", None, plan.kept
        for reserve, number in zip(plan.reserves, self._reserved, strict=True):
            # A whole share of a whole number of places must not fall short by rounding.
            if number < int(reserve.share * place + 1e-9):
                yield "reserve", reserve.rule, reserve.fits
        yield "order", None, None

    def _best(self, fits: Truths | None) -> int | None:
        barred = self._barred(fits)
        if barred is None:
            return next(iter(self._left), None)
        return next((each for each in self._left if not barred[each]), None)

    def _allowed(self, fits: Truths | None) -> list[int]:
        """Return the candidates that are left, fit, and exceed no cap, best first."""
        barred = self._barred(fits)
        return list(self._left) if barred is None else [each for each in self._left if not barred[each]]

    def _barred(self, fits: Truths | None) -> Truths | None:
        """Return which candidates do not fit, or would exceed a cap; None: none."""
        full = [cap.fits for cap, room in zip(self._plan.caps, self._room, strict=True) if room <= 0]
        if not full:
            return None if fits is None else ~fits
        barred: Truths = np.logical_or.reduce(full)
        return barred if fits is None else barred | ~fits

    def _take(self, candidate: int) -> None:
        del self._left[candidate]
        for number, cap in enumerate(self._plan.caps):
            self._room[number] -= bool(cap.fits[candidate])

    def _count(self, candidate: int) -> None:
        for number, reserve in enumerate(self._plan.reserves):
            self._reserved[number] += bool(reserve.fits[candidate])
