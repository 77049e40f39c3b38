"""How a model scores, in plain words for its card."""

from collections.abc import Iterator
from decimal import Decimal

from homespun.protocol.bundle import ACTIVITY_LEVELS, Component, Kernel, own_name
from homespun.protocol.contract import BLOCK
from homespun_server.publishing.parts import Parts

_WHAT = {
    "collaborative": "what the same people like",
    "sequential": "what follows what",
    "session": "what follows what within a visit",
    "content": "what has similar words and tags",
}

_LEAST = ", ".join(str(level) for level in ACTIVITY_LEVELS)

_SUM = (
    "A score is a sum of the parts below. Those that use the history are linear in it, so each score is the exact sum "
    f"of what every liked item adds. A list of weights is for people with at least {_LEAST} likes."
)


def scoring(model: Parts) -> str:
    """Return what a score is made of, as Markdown."""
    return "\n".join([_SUM, "", *(f"- {line}" for line in _lines(model))])


def _lines(model: Parts) -> Iterator[str]:
    yield from map(_component, model.components)
    for prior in model.priors:
        yield f"{prior.name}: the same for everybody; {_weights(prior.weights)}"
    for context in model.contexts:
        values = ", ".join(context.values)
        yield f"{context.feature}: what suits it, where it is one of {values}; {_weights(context.weights)}"
        if context.own_weights is not None:
            yield (
                f"{own_name(context.feature)}: for what was liked before, how much likelier the person themselves "
                f"chooses it then, by the events on their device alone; {_weights(context.own_weights)}"
            )
    if model.archetypes is not None:
        count, weights = model.archetypes.count, _weights(model.archetypes.weights)
        yield f"taste: what people like whose taste is the nearest of {count}; {weights}"
    if model.repeats is not None:
        counts, seen = _weights(model.repeats.count_weights), _weights(model.repeats.seen_weights)
        yield (
            f"repeats: for what was liked before, by the logarithm of how often ({counts}) and for that it was at all "
            f"({seen})"
        )
    if model.new_items.every:
        yield f"one place in {model.new_items.every} is for the best of the items that are known by their content only"


def _component(part: Component) -> str:
    sizes = []
    if part.low_rank is not None:
        sizes.append(f"{part.dimensions} dimensions")
    if part.sparse is not None:
        table = f", table {part.sparse}" if part.low_rank is None else ""
        sizes.append(f"{part.blocks:,} blocks of up to {BLOCK} single pairs ({part.bits} bits each{table})")
    return f"{part.name}: {_WHAT[part.name]}; {' and '.join(sizes)}; {_kernel(part.kernel)}; {_weights(part.weights)}"


def _kernel(kernel: Kernel) -> str:
    decays = []
    if kernel.age is not None:
        decays.append(f"1/e after {kernel.age:f} later ones")
    if kernel.gap is not None:
        decays.append(f"1/e after {kernel.gap:f} seconds until the latest one")
    text = f"a like counts {', and '.join(decays)}" if decays else "every like counts the same"
    return f"{text}; one without a time counts nothing" if kernel.ordered else text


def _weights(weights: tuple[Decimal, ...]) -> str:
    if len(set(weights)) == 1:
        return f"weight {weights[0]:f}"
    return f"weights {', '.join(f'{weight:f}' for weight in weights)}"
