"""An explanation in three layers: in plain words, the full record, and the executed counterfactual."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from homespun.protocol.records import AttributionEntry, ExplanationRecord, ItemEntry
from homespun_server.compliance.documents.blocks import Bars, Block, Facts, Heading, Items, Language, Rows, Text
from homespun_server.compliance.explanations.executed import Executed, Remaker
from homespun_server.compliance.explanations.reading import Given
from homespun_server.compliance.explanations.words import Words

Number = tuple[str, str, str]
"""What a number is called, its value, and what it means."""

_MOST_NAMED = 3
"""Items that a sentence names before it counts the others."""


@dataclass(frozen=True)
class Explained:
    """A record, made again, with everything that is told of it.

    Attributes:
        given: The record.
        titles: Titles of items, by id.
        model: The model's name.
        reasons: The main reason of every listed item, in the words of the language.
        recorded: The same as the record has them, with the titles of now.
        executed: What the list would have been.
    """

    given: Given
    titles: dict[str, str]
    model: str
    reasons: tuple[str, ...]
    recorded: tuple[str, ...]
    executed: Executed

    @property
    def record(self) -> ExplanationRecord:
        """The record."""
        return self.given.record


def explained(given: Given, remaker: Remaker, words: Words) -> Explained:
    """Make a record's list again, and once more without its main reason.

    Args:
        given: The record.
        remaker: Makes lists of its bundle again.
        words: The sentences of a language.

    Raises:
        RecordError: It does not come out as it was recorded.
    """
    decision = remaker.remade(given.record)
    executed = remaker.executed(decision)
    return Explained(
        given=given,
        titles=remaker.called({*executed.before, *executed.after, *_mentioned(given.record)}),
        model=remaker.bundle.manifest.name,
        reasons=tuple(remaker.reasons(decision, words.wording)),
        recorded=tuple(remaker.reasons(decision)),
        executed=executed,
    )


def layers(found: Explained, words: Words) -> Iterator[Block]:
    """Yield the three layers; those that the language lacks are in English, and marked so."""
    yield Language(words.language)
    yield from first_layer(found, words)
    for name, layer in (("second", second_layer), ("third", third_layer)):
        own = words.of_layer(name)
        yield Language(own.language)
        yield from layer(found, own)


def sentences(found: Explained, words: Words) -> tuple[str, ...]:
    """Return what the first layer says, sentence by sentence."""
    return tuple(block.text for block in first_layer(found, words) if isinstance(block, Text))


def first_layer(found: Explained, words: Words) -> Iterator[Block]:
    """Yield the procedure and the principles that were applied, in plain words."""
    record, given = found.record, found.given
    yield Heading(words.say("first.heading"))
    if given.case:
        yield Text(words.say("first.case", case=given.case, note=given.note), "soft")
    surface = record.inputs.surface if record.inputs else ""
    made = {"count": len(record.items), "candidates": f"{record.candidates:,}", "surface": surface}
    yield Text(words.say("first.what", time=moment(record.time), **made), "lead")
    yield Text(words.say("first.who", model=found.model))
    yield Text(_used(record, words))
    yield Text(words.say("first.principle"))
    stages = dict.fromkeys(stage.stage for item in record.items for stage in item.stages)
    yield Items(tuple(words.name("stage", stage) for stage in stages))
    yield Bars(tuple(_importance(record, words)), words.say("first.importance"))
    if record.items:
        title = found.titles[record.items[0].item]
        yield Text(words.say("first.reason", title=title, reason=found.reasons[0]))
    yield Text(_without(found, words))
    yield Text(words.say("first.change"))
    yield Text(words.say("first.check"), "soft")


def second_layer(found: Explained, words: Words) -> Iterator[Block]:
    """Yield the full record, every number with its meaning."""
    yield Heading(words.say("second.title"))
    yield Text(words.say("second.text"))
    columns = (words.say("second.number"), words.say("second.value"), words.say("second.meaning"))
    yield Rows(columns, tuple(list_numbers(found.record, words)), words.say("second.numbers"), widths=(3, 6, 6))
    yield from _inputs(found, words)
    headings = (words.say("second.part"), words.say("second.adds"), words.say("second.meaning"))
    for place, (item, reason) in enumerate(zip(found.record.items, found.recorded, strict=True), 1):
        yield Heading(f"{place}. {found.titles[item.item]}", 3)
        yield Text(reason)
        if item.moves:
            yield Items(item.moves)
        yield Rows(headings, tuple(item_numbers(item, found, words)), numbers=(1,), widths=(6, 3, 7))
        ranks = ", ".join(f"{stage.stage} {stage.before} → {stage.after}" for stage in item.stages)
        yield Text(words.say("second.ranks", ranks=ranks), "soft")
        yield Text(words.say("second.propensity", propensity=f"{item.propensity.normalize():f}"), "soft")


def third_layer(found: Explained, words: Words) -> Iterator[Block]:
    """Yield what came out when lists were made again without something."""
    executed = found.executed
    yield Heading(words.say("third.title"))
    yield Text(words.say("third.text"))
    if executed.change is None:
        yield Text(words.say("third.none"))
    else:
        yield Heading(words.say("third.main", reason=executed.change.label), 3)
        length = max(len(executed.before), len(executed.after))
        rows = tuple(
            (str(place + 1), _titled(executed.before, place, found), _titled(executed.after, place, found))
            for place in range(length)
        )
        yield Rows(
            tuple(words.say(f"third.{name}") for name in ("place", "was", "would")),
            rows,
            numbers=(0,),
            widths=(1, 6, 6),
        )
    yield Heading(words.say("third.each"), 3)
    columns = tuple(words.say(f"third.{name}") for name in ("item", "answer", "executed", "smallest"))
    each = tuple(
        (found.titles[one.item], str(one), str(one.executed), words.say("third.yes" if one.exhaustive else "third.no"))
        for one in executed.items
    )
    yield Rows(columns, each, words.say("meaning.counterfactual"), (2,), (4, 8, 2, 3))


def list_numbers(record: ExplanationRecord, words: Words) -> Iterator[Number]:
    """Yield what a record says of the whole list."""
    given = record.inputs
    values = {
        "time": moment(record.time),
        "surface": given.surface if given else "",
        "count": str(given.k) if given else "",
        "candidates": str(record.candidates),
        "personalized": "yes" if record.personalized else "no",
        "seed": str(given.seed) if given else "",
        "consents": ", ".join(f"{name} {number}" for name, number in record.consents.items()),
        "runtime": record.runtime,
        "precision": record.precision,
        "bundle": record.bundle,
        "policy": record.policy or "",
        "digest": record.digest,
    }
    for name, value in values.items():
        yield name, value, words.say(f"meaning.{name}")


def item_numbers(item: ItemEntry, found: Explained, words: Words) -> Iterator[Number]:
    """Yield every part of an item's score, what is left, and the score itself."""
    for part in item.attributions:
        yield _label(part, found, words), f"{part.value:+.6f}", words.say(f"meaning.{part.source}")
    if item.others:
        yield words.say("second.others"), f"{item.others:+.6f}", words.say("meaning.others")
    yield words.say("second.residual"), f"{item.residual:+.1e}" if item.residual else "0", words.say("meaning.residual")
    yield words.say("second.score"), f"{item.score:+.6f}", words.say("meaning.score")


def moment(time: float) -> str:
    """Return a time, seconds since 1970, as people read it."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return f"{time:g}"


def _used(record: ExplanationRecord, words: Words) -> str:
    given = record.inputs
    if not record.personalized or given is None:
        return words.say("first.unused")
    steering = given.steering
    settings = sum(
        map(len, (steering.hidden_items, steering.hidden_tags, steering.more_like, steering.less_like))
    ) + len(steering.interests)
    counts = {"events": len(given.events or ()), "settings": settings, "declared": len(given.attributes)}
    return words.say("first.used", **counts, circumstances=len(given.context))


def _without(found: Explained, words: Words) -> str:
    executed = found.executed
    if executed.change is None:
        return words.say("first.nothing")
    reason = found.titles.get(executed.change.target) or executed.change.target or executed.change.label
    if not executed.gone:
        return words.say("first.same", reason=reason)
    named = (_several(items, found, words) for items in (executed.gone, executed.come))
    gone, come = named
    return words.say("first.without", reason=reason, gone=gone, come=come or "–")


def _several(items: tuple[str, ...], found: Explained, words: Words) -> str:
    titles = [words.say("first.named", title=found.titles[item]) for item in items]
    first = ", ".join(titles[:_MOST_NAMED])
    rest = len(titles) - _MOST_NAMED
    return words.say("first.several", first=first, count=rest) if rest > 0 else first


def _importance(record: ExplanationRecord, words: Words) -> Iterator[tuple[str, float, str]]:
    """Yield the share of every source in the magnitudes of all listed parts."""
    sums: dict[str, float] = {}
    for part in (part for item in record.items for part in item.attributions):
        sums[part.source] = sums.get(part.source, 0.0) + abs(float(part.value))
    whole = sum(sums.values())
    for source, value in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])):
        if value:
            yield words.name("source", source), value / whole, f"{value / whole:.1%}"


def _inputs(found: Explained, words: Words) -> Iterator[Block]:
    given = found.record.inputs
    if given is None:
        return
    if given.events:
        rows = tuple(
            (
                "" if event.time is None else moment(event.time),
                event.kind,
                found.titles.get(event.item, event.item),
                "" if event.weight is None else f"{event.weight:g}",
                ", ".join(f"{name} = {value}" for name, value in (event.context or {}).items()),
            )
            for event in given.events
        )
        yield Rows(
            ("Time", "Kind", "Item", "Weight", "Context"), rows, words.say("second.events"), (3,), (4, 3, 6, 2, 4)
        )
    steering = given.steering
    named = {
        "hidden items": ", ".join(found.titles.get(item, item) for item in steering.hidden_items),
        "hidden tags": ", ".join(steering.hidden_tags),
        "more like": ", ".join(found.titles.get(item, item) for item in steering.more_like),
        "less like": ", ".join(found.titles.get(item, item) for item in steering.less_like),
        "interests": ", ".join(f"{tag} {weight:g}" for tag, weight in steering.interests.items()),
        "declared": ", ".join(f"{name} = {value}" for name, value in given.attributes.items()),
        "circumstances": ", ".join(f"{name} = {value}" for name, value in given.context.items()),
    }
    told = tuple((name, value) for name, value in named.items() if value)
    if told:
        yield Text(words.say("second.settings"), "soft")
        yield Facts(told)


def _label(part: AttributionEntry, found: Explained, words: Words) -> str:
    """Return what a part is, in words of its own."""
    about = found.titles.get(part.item or "", part.item or "") or part.tag or part.choice or ""
    named = [words.name("source", part.source), about, part.component or "", part.control or ""]
    return " · ".join(each for each in named if each)


def _titled(items: tuple[str, ...], place: int, found: Explained) -> str:
    return found.titles[items[place]] if place < len(items) else ""


def _mentioned(record: ExplanationRecord) -> Iterator[str]:
    yield from (part.item for item in record.items for part in item.attributions if part.item)
    if record.inputs is not None:
        yield from (event.item for event in record.inputs.events or ())
        yield from (*record.inputs.steering.hidden_items, *record.inputs.steering.more_like)
        yield from record.inputs.steering.less_like
