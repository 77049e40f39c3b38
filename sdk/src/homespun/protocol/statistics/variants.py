"""The sums of an experiment: of each variant how many people met it, and what their measures add up to.

What a person adds stands in one row, that of their variant. Its cells are, in this order: 1 for having met the
variant, each measure, each measure's square, each declared product. So means, ratios and their variances follow from
the sums, and nobody's own numbers are needed.
"""

from itertools import chain
from math import isqrt
from typing import Annotated

import msgspec

from homespun.errors import MisuseError

MAX_VARIANTS = 16
"""Most variants of one experiment."""

MAX_MEASURES = 64
"""Most measures of one experiment."""

MAX_CAP = 1 << 20
"""Largest value of a measure that is told apart from larger ones."""

_WORD = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole number about a person.

    Attributes:
        name: The measure's name.
        cap: Larger values count as this one. A person adds min(value, cap) / cap.
    """

    name: _WORD
    cap: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAP)]


class Variants(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="variants"):
    """To the row of the person's variant: 1, each measure, each measure's square and each product of two measures.

    A measure counts as min(value, cap) / cap, which lies in 0..1, and so do squares and products. All are multiplied by
    the same number of steps: the bound divided by √(cells of a row), rounded down. Who met no variant adds nothing.

    Attributes:
        variants: The variants' names.
        measures: What is measured of a person, and up to which value.
        products: Pairs of measures whose product is summed too, as the variance of a ratio needs.
    """

    variants: Annotated[tuple[_WORD, ...], msgspec.Meta(min_length=1, max_length=MAX_VARIANTS)]
    measures: Annotated[tuple[Measure, ...], msgspec.Meta(min_length=1, max_length=MAX_MEASURES)]
    products: Annotated[tuple[tuple[_WORD, _WORD], ...], msgspec.Meta(max_length=MAX_MEASURES)] = ()

    def __post_init__(self) -> None:
        """Refuse names that stand twice, and products of what is not measured."""
        names = [measure.name for measure in self.measures]
        for listed in (self.variants, names, [" × ".join(sorted(pair)) for pair in self.products]):
            if len(set(listed)) < len(listed):
                raise MisuseError(f"a name stands twice among {', '.join(listed)}.")
        for one, other in self.products:
            if one == other or not {one, other} <= set(names):
                raise MisuseError(
                    f"{one} × {other} is no product of two different measures among {', '.join(names)}; squares are "
                    "summed anyway."
                )

    @property
    def cells(self) -> int:
        """How many numbers a variant has."""
        return 1 + 2 * len(self.measures) + len(self.products)

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum, one row a variant.

        Raises:
            MisuseError: If there is a universe: it counts no items.
        """
        if items:
            raise MisuseError(f"outcomes of an experiment count no items; there is a universe of {items}.")
        return (len(self.variants), self.cells)

    def unit(self, l2_bound: int) -> int:
        """Return how many steps 1.0 is: ⌊bound / √cells⌋, exactly."""
        return isqrt(l2_bound**2 // self.cells)

    def row(self, values: tuple[int, ...], unit: int) -> list[int]:
        """Return what a person adds to their variant's row, in steps, each number rounded down.

        Args:
            values: Of each measure, whole and not negative.
            unit: Steps in 1.0.
        """
        caps = {measure.name: measure.cap for measure in self.measures}
        # In Python's integers: a product of two capped values and the unit is up to 2⁵⁶, and none of them may be cut.
        own = {name: min(value, cap) for (name, cap), value in zip(caps.items(), values, strict=True)}
        pairs = chain(((name, name) for name in own), self.products)
        plain = [unit * value // caps[name] for name, value in own.items()]
        return [unit, *plain, *(unit * own[one] * own[other] // (caps[one] * caps[other]) for one, other in pairs)]
