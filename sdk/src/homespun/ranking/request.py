"""What a list is asked for with, and what it may be made from: plain values, so that a decision can be made again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from homespun.errors import InvalidEventError, MisuseError
from homespun.model.arguments import item_ids, list_length
from homespun.protocol.controls import NEUTRAL, Steering
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.read_only import ReadOnlyDict

HOME = "home"
"""The surface of ``recommend``."""

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Inputs:
    """The person, as far as they are known.

    Attributes:
        events: What they did; None if nothing of it may be used.
        steering: What they set.
        attributes: What they declare about themselves; used like circumstances that a request does not have.
    """

    events: Sequence[Event] | None
    steering: Steering = NEUTRAL
    attributes: Mapping[str, ContextValue] = field(default_factory=ReadOnlyDict)

    @property
    def allowed(self) -> bool:
        """Whether personal data may be used: the person allowed it and no control forbids it."""
        return self.events is not None and self.steering.refusal is None


@dataclass(frozen=True)
class Request:
    """One list.

    Attributes:
        k: How many items.
        now: Seconds since 1970.
        surface: Where it will be shown.
        context: Circumstances.
        exclude: Items that must not appear.
        exclude_seen: Whether items with an event are left out, in place of what the policy says of them; None: as the
            policy says.
        item: Which item the list is for, on a surface of similar items.
        ids: Which items are to be ranked, on a surface of given items.
        shown: How often each item was shown in the days that the frequency cap counts.
        seed: Decides what chance decides.
        asked: An item that is looked at in any case, to be explained; it changes nothing else.
    """

    k: int
    now: float
    surface: str = HOME
    context: Mapping[str, ContextValue] = field(default_factory=ReadOnlyDict)
    exclude: frozenset[str] = frozenset()
    exclude_seen: bool | None = None
    item: str | None = None
    ids: tuple[str, ...] | None = None
    shown: Mapping[str, int] = field(default_factory=ReadOnlyDict)
    seed: int = 0
    asked: str | None = None

    @classmethod
    def of(
        cls,
        k: int,
        now: float,
        *,
        context: Mapping[str, ContextValue] | None = None,
        exclude: Iterable[str] = (),
        ids: Iterable[str] | None = None,
        shown: Mapping[str, int] | None = None,
        seed: int = 0,
        **others: Any,
    ) -> "Request":
        """Return a request from what an application passes in.

        Raises:
            MisuseError: A value is not what it should be.
        """
        if shown is not None and not isinstance(shown, Mapping):
            raise MisuseError(f"shown is of type {type(shown).__name__}; give a mapping from items to counts.")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise MisuseError(f"seed is {seed!r}; use a whole number from 0 to 2^63 − 1.")
        given = None if ids is None else tuple(dict.fromkeys(_listed(ids)))
        return cls(
            k=list_length(k),
            now=now,
            context=checked_context(context),
            exclude=item_ids("exclude", exclude),
            ids=given,
            shown=ReadOnlyDict(shown or {}),
            seed=seed,
            **others,
        )


def checked_context(context: Mapping[str, ContextValue] | None) -> Mapping[str, ContextValue]:
    """Return circumstances as events hold them.

    Raises:
        MisuseError: They are none; the message names the one.
    """
    if not context:
        if context is None or isinstance(context, Mapping):
            return ReadOnlyDict()
        raise MisuseError(f"context is of type {type(context).__name__}; give a mapping from names to values.")
    try:
        return Event("any", context=context).context or ReadOnlyDict()
    except InvalidEventError as error:
        raise MisuseError(str(error)) from error


def _listed(ids: Iterable[str]) -> list[str]:
    kept = list(ids) if not isinstance(ids, str | bytes) else ids
    item_ids("ids", kept)
    return list(kept)
