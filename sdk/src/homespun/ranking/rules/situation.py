"""What conditions speak of: one request, and the person as far as they may be known."""

from collections.abc import Mapping
from dataclasses import dataclass

from homespun.protocol.events import ContextValue
from homespun.protocol.policy.conditions import LifecycleStage
from homespun.ranking.rules.past import Past


@dataclass(frozen=True)
class Situation:
    """One request.

    Attributes:
        surface: Where the list will be shown.
        now: Time of the request, seconds since 1970.
        context: Circumstances of the request, and what the person declares about themselves as far as it may be used;
            ``hour`` (0 to 23) and ``weekday`` (``monday``…) where they are known.
        lifecycle: Where the person stands; None where personal data may not be used.
        likes: How many distinct items the person likes.
        past: The person's events; None where personal data may not be used.
    """

    surface: str
    now: float
    context: Mapping[str, ContextValue]
    lifecycle: LifecycleStage | None = None
    likes: int = 0
    past: Past | None = None

    @property
    def personal(self) -> bool:
        """Whether anything may be known of the person: both where they stand and what they did, or nothing."""
        return self.past is not None and self.lifecycle is not None
