"""A model's parts as a manifest states them: names, sizes and weights, without the numbers behind them."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from homespun.protocol.bundle import Archetypes, Component, Context, Kernel, NewItems, Prior, Repeats
from homespun.protocol.contract import Blocks
from homespun_server.training import model as trained
from homespun_server.training.model import Model

SIGNIFICANT = 6
"""Digits of a published weight."""

_NEXT_TO_NOTHING = 1e-12


class Parts(msgspec.Struct, frozen=True):
    """What a manifest and a card say of a model; the fields are those of the manifest."""

    items: int
    components: tuple[Component, ...]
    priors: tuple[Prior, ...]
    contexts: tuple[Context, ...]
    archetypes: Archetypes | None
    repeats: Repeats | None
    new_items: NewItems


def parts(model: Model, sparse: Mapping[str, Blocks]) -> Parts:
    """Return a model's parts.

    Args:
        model: The model.
        sparse: Size of every sparse table as it was encoded.
    """
    archetypes, repeats = model.archetypes, model.repeats
    return Parts(
        items=model.items.size,
        components=tuple(_component(each, sparse) for each in model.components),
        priors=tuple(Prior(each.name, decimals(each.weights)) for each in model.priors),
        contexts=tuple(map(_context, model.contexts)),
        archetypes=None if archetypes is None else Archetypes(archetypes.count, decimals(archetypes.weights)),
        repeats=None if repeats is None else Repeats(decimals(repeats.count_weights), decimals(repeats.seen_weights)),
        new_items=NewItems(int(model.learned), int(model.new_items_every)),
    )


def decimals(weights: trained.Weights) -> tuple[Decimal, ...]:
    """Return weights as decimals of a few digits."""
    return tuple(map(_decimal, weights))


def _component(component: trained.Component, sparse: Mapping[str, Blocks]) -> Component:
    low_rank, table = component.low_rank, component.sparse
    return Component(
        name=component.name,
        low_rank=None if low_rank is None else low_rank.name,
        dimensions=0 if low_rank is None else low_rank.dimensions,
        sparse=None if table is None else table.name,
        bits=None if table is None else table.bits,
        blocks=0 if table is None else sparse[table.name].number,
        kernel=_kernel(component.kernel),
        weights=decimals(component.weights),
    )


def _context(context: trained.Context) -> Context:
    own = None if context.own_weights is None else decimals(context.own_weights)
    return Context(context.feature, context.values, decimals(context.weights), own)


def _kernel(kernel: trained.Kernel) -> Kernel:
    age, gap = (None if decay is None else _decimal(decay) for decay in (kernel.age, kernel.gap))
    return Kernel(age, gap, kernel.ordered)


def _decimal(value: float) -> Decimal:
    # Written out in full, because devices refuse enormous exponents.
    written = Decimal(f"{value:.{SIGNIFICANT}g}")
    return Decimal(0) if abs(value) < _NEXT_TO_NOTHING else Decimal(f"{written:f}")
