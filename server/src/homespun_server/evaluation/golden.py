"""Golden scores of a bundle, made by the code that devices run; a device switches to the bundle only if it gets them.

The histories are made up: drawn from the catalogue by a seed, and nobody's. Each is there for something that scoring
does: no history at all, a single like, an order of days, a visit of seconds, a long history, the same item again,
weights on both sides of what is a like, events without a time, events against an item, and every circumstance that
the model knows. Equal bundles get equal golden scores.

Non-goal: figures about how good the lists are.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import GOLDEN, Manifest
from homespun.protocol.events import ContextValue
from homespun.protocol.golden import SCHEMA_VERSION, Golden, GoldenCase, GoldenEvent, encode_golden
from homespun_server.publishing.amending import amend

ITEMS = 10
"""Length of a golden list."""

LONG = 60
"""Events of the longest history: more than the last activity level begins with."""

MOST_CASES = 40
"""Cases, however many circumstances the model knows."""

SEED = 27
"""Any number; equal bundles get equal scores because it is."""

_FIRST = 1_600_000_000.0
_DAY, _SECONDS = 86_400.0, 20.0
_NEW = 5
_POSITIVE = ("view", "choose", "use")

Events = tuple[GoldenEvent, ...]


def write_golden(folder: Path) -> Manifest:
    """Give the bundle in a folder its golden scores.

    Raises:
        BundleError: If a device would refuse the bundle.
        OutputError: If it cannot be written; the bundle stays as it was.
    """
    with closing(Bundle.open(folder)) as bundle:
        golden = golden_of(bundle)
    return amend(folder, {GOLDEN: encode_golden(golden)})


def golden_of(bundle: Bundle) -> Golden:
    """Return a bundle's golden scores."""
    return Golden(SCHEMA_VERSION, tuple(_case(bundle, events, context) for events, context in requests(bundle)))


def requests(bundle: Bundle) -> Iterator[tuple[Events, dict[str, ContextValue]]]:
    """Yield made-up histories and the circumstances of a request, seeded: the same for the same bundle."""
    shapes = list(_histories(bundle))
    contexts = bundle.manifest.contexts
    values = max((len(each.values) for each in contexts), default=0)
    yield shapes[0], {}
    for number in range(1, min(MOST_CASES, max(len(shapes), values + 1))):
        named = {each.feature: each.values[(number - 1) % len(each.values)] for each in contexts}
        yield shapes[number % len(shapes)], dict(named)


def _case(bundle: Bundle, events: Events, context: dict[str, ContextValue]) -> GoldenCase:
    ranked = bundle.rank([event.event() for event in events], ITEMS, context=context)
    scores = tuple(f"{each.score:.9f}" for each in ranked)
    return GoldenCase(events, context, tuple(each.item for each in ranked), scores)


def _histories(bundle: Bundle) -> Iterator[Events]:
    draw = random.Random(SEED)  # noqa: S311 - it has to be repeatable, and nobody gains by guessing it
    rule, everything = bundle.manifest.history, bundle.items
    kind = next((each for each in (*(rule.kinds or ()), *_POSITIVE) if each not in rule.negative_kinds), "use")

    def some(count: int) -> list[str]:
        # Half of the catalogue at most, so that there is something left to list.
        return draw.sample(everything, min(count, max(1, len(everything) // 2)))

    yield ()
    yield _events(some(1), kind, _DAY)
    yield _events(some(4), kind, _DAY)
    yield _events(some(6), kind, _SECONDS)
    yield _events(some(LONG), kind, _DAY)
    again = some(3)
    yield _events([*again, *again, again[0]], kind, _DAY)
    yield tuple(GoldenEvent(item, kind) for item in some(5))
    least = 1.0 if rule.min_weight is None else float(rule.min_weight)
    yield tuple(
        GoldenEvent(item, kind, _FIRST + _DAY * place, max(0.0, least + place % 3 - 1))
        for place, item in enumerate(some(9))
    )
    against = next(iter(rule.negative_kinds), kind)
    liked = some(8)
    yield (*_events(liked, kind, _DAY), *_events(liked[::2], against, _DAY, after=len(liked)))
    # Of which nothing is known from people, where the bundle has such.
    yield _events(everything[-min(_NEW, max(1, len(everything) // 2)) :], kind, _DAY)


def _events(items: Sequence[str], kind: str, gap: float, after: int = 0) -> Events:
    return tuple(GoldenEvent(item, kind, _FIRST + gap * (after + place)) for place, item in enumerate(items))
