"""What the events say that the person likes, tag by tag, and what they made of it.

An interest is inferred from the likes that the model uses too: its weight is the share of them that carry
the tag. It is told with the events that it comes from, so that it can be checked, and edited or vetoed.

Pure: nothing here reads a clock or a disk.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from homespun.model.bundle import Bundle
from homespun.protocol.controls import NEUTRAL, Steering
from homespun.protocol.events import Event


@dataclass(frozen=True)
class Interest:
    """One tag that the person likes, or said something about.

    Attributes:
        tag: The tag.
        weight: The weight that counts, 0 to 1: the edited one, or the inferred one without an edit.
        inferred: Share of the liked items that carry the tag, 0 to 1.
        edited: Whether the person set the weight; a weight of 0 is their veto.
        events: The events behind the liked items that carry the tag, oldest first.
    """

    tag: str
    weight: float
    inferred: float
    edited: bool
    events: tuple[Event, ...]


def interests(bundle: Bundle, events: Iterable[Event], steering: Steering = NEUTRAL) -> list[Interest]:
    """Return the interests, those with the largest weight first, then by tag.

    Args:
        bundle: The bundle, for its rule of what a like is and for its tags.
        events: The person's events.
        steering: What the person set; every tag that they edited is told, liked or not.

    Raises:
        MisuseError: If something else than an Event is among the events.
    """
    likes = bundle.history(events)
    behind: dict[str, list[Event]] = defaultdict(list)
    for event, tags in zip(likes.events, bundle.tags_of(likes.positions.tolist()), strict=True):
        for tag in dict.fromkeys(tags):
            behind[tag].append(event)
    found = [
        _interest(tag, behind.get(tag, []), len(likes.events), steering.interests.get(tag))
        for tag in {**behind, **steering.interests}
    ]
    return sorted(found, key=lambda interest: (-interest.weight, interest.tag))


def _interest(tag: str, events: list[Event], likes: int, edited: float | None) -> Interest:
    inferred = len(events) / likes if likes else 0.0
    return Interest(tag, inferred if edited is None else edited, inferred, edited is not None, tuple(events))
