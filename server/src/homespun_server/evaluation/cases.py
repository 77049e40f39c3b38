"""What is asked of a model in an evaluation: one request of one person, and the items that the list should hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from homespun.errors import MisuseError
from homespun.protocol.events import Event


@dataclass(frozen=True)
class Case:
    """One request of one person.

    Attributes:
        user: Whose.
        events: What is known of them at the request, oldest first.
        relevant: Ids of the items that the list should hold; at least one.
        now: Time of the request, seconds since 1970; None where the protocol knows no time.
        context: Circumstances of the request, by name.

    Raises:
        MisuseError: On construction, if nothing is relevant: no list could be right or wrong.
    """

    user: str
    events: tuple[Event, ...]
    relevant: frozenset[str]
    now: float | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a case that says nothing of any model."""
        if not self.relevant:
            raise MisuseError("a case without a relevant item measures nothing; leave it out, and count it.")

    @cached_property
    def seen(self) -> frozenset[str]:
        """Ids of the items in the history."""
        return frozenset(event.item for event in self.events)


class Recommender(Protocol):
    """Anything that ranks for a case."""

    def recommend(self, case: Case, k: int) -> Sequence[str]:
        """Return the ids of at most k distinct items, best first."""
