"""What must be said against a model, in plain words."""

from collections.abc import Iterator

from homespun.protocol.bundle import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTE_TEXT, MAX_ATTRIBUTES, PrivacyStatement
from homespun_server.publishing.attributes import Attributes
from homespun_server.publishing.figures import Quality
from homespun_server.publishing.parts import Parts


def limitations(
    privacy: PrivacyStatement,
    model: Parts,
    quality: Quality | None,
    words: int = 0,
    attributes: Attributes | None = None,
) -> tuple[str, ...]:
    """Return what must be said against a bundle.

    Args:
        privacy: Its statement.
        model: Its model's parts.
        quality: How good it is; None if that was not released.
        words: How many words devices know.
        attributes: The catalogue's; None: without any.
    """
    left_out = () if attributes is None else _of_attributes(attributes)
    return (*_of_items(model, words), *left_out, *_of_terms(model), *of_figures(privacy, quality))


def _of_items(model: Parts, words: int) -> Iterator[str]:
    alone = "and a history with them alone counts as empty."
    if words:
        yield (
            "Items that are not in the bundle are recommended only if the application adds them on the device, by what "
            f"the {words:,} words say of them that devices know. Others never are, {alone}"
        )
    else:
        yield f"Items that are not in the bundle are never recommended, {alone}"
    learned = model.new_items.first
    if not learned:
        yield "Nothing was learned from people: similar means similar words and tags."
    elif learned < model.items:
        every = model.new_items.every
        place = f"one place in {every} is theirs" if every else "without places of their own they hardly enter a list"
        yield (
            f"Of {model.items - learned:,} items too little is known from people, because they are new or rarely used: "
            f"they are scored by their content alone, and {place}."
        )
    else:
        yield "Rarely used items fell out of the universe: their counts do not stand out from the noise."


def _of_attributes(attributes: Attributes) -> Iterator[str]:
    if attributes.left_out:
        yield (
            f"Attributes of the catalogue that devices do not know: {attributes.left_out:,}. They know the first "
            f"{MAX_ATTRIBUTES} whose names have at most {MAX_ATTRIBUTE_NAME} characters, all of one line."
        )
    if attributes.long_texts:
        yield (
            f"Texts of attributes that devices do not know, because they have more than {MAX_ATTRIBUTE_TEXT:,} "
            f"characters: {attributes.long_texts:,}."
        )


def _of_terms(model: Parts) -> Iterator[str]:
    ordered = [part.name for part in model.components if part.kernel.ordered]
    timed = any((part.kernel.age, part.kernel.gap) != (None, None) for part in model.components)
    if ordered:
        yield (
            f"Order and time are used ({', '.join(ordered)}): likes that have no time add nothing there, and the order "
            "in which likes were entered is taken for the order in which they arose."
        )
    elif timed:
        yield "Of the order of events only how long ago they were is used, not what follows what."
    else:
        yield "The order and the time of events are not used; only which items a person likes."
    if any(prior.name.startswith("trend") for prior in model.priors):
        yield "What is popular lately was so when the bundle was made; it grows old until there is a newer bundle."
    if model.contexts:
        features = ", ".join(context.feature for context in model.contexts)
        yield f"Circumstances ({features}) count only with the values listed here; any other adds nothing."
    if any(any(context.own_weights or ()) for context in model.contexts):
        yield (
            "A person's own habits count by all their events on the device alike, old or new, and only for what they "
            "chose before: a habit that has changed is unlearned slowly."
        )
    if model.archetypes is not None:
        yield (
            f"Everybody with a like is taken to have one of {model.archetypes.count} tastes, which is a simplification."
        )


def of_figures(privacy: PrivacyStatement, quality: Quality | None) -> Iterator[str]:
    """Yield what must be said of figures on the card."""
    if privacy.kind == "differential_privacy" and quality is None:
        yield "Quality figures are not stated here: they would need a release of their own."
