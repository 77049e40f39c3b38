"""What is kept out of a list: by a control, or as it cannot be had. It changes no score; it is told beside it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.controls import Steering


class Bar(NamedTuple):
    """Why an item is kept out of lists.

    Attributes:
        control: The control that does it; ``unavailable`` if the application says that the item cannot be had.
        tag: The hidden tag; None for the others.
        shown: How often the item was shown, for a frequency cap; None for the others.
        days: In how many days, for a frequency cap; None for the others.
    """

    control: Literal["hide_item", "hide_tag", "frequency_cap", "unavailable"]
    tag: str | None = None
    shown: int | None = None
    days: int | None = None


def capped_items(bundle: Bundle, steering: Steering, shown: Mapping[str, int] | None) -> dict[str, int]:
    """Return the bundle's items that were shown as often as the cap allows, with how often.

    Args:
        bundle: The bundle.
        steering: What the person set.
        shown: How often each item was shown in the days that the cap counts; nothing, if None.

    Raises:
        MisuseError: If ``shown`` is not a mapping.
    """
    if shown is not None and not isinstance(shown, Mapping):
        raise MisuseError(f"shown is of type {type(shown).__name__}; give a mapping from items to counts.")
    cap = steering.frequency_cap
    if cap is None or not shown:
        return {}
    return {item: times for item, times in sorted(shown.items()) if times >= cap.times and item in bundle}


def bars_of(bundle: Bundle, steering: Steering, item: str, capped: Mapping[str, int], now: float) -> tuple[Bar, ...]:
    """Return everything that keeps an item of the bundle out of lists.

    Args:
        bundle: The bundle.
        steering: What the person set.
        item: The item.
        capped: What ``capped_items`` returns.
        now: Time of the request, seconds since 1970.
    """
    found = [Bar("hide_item")] if item in steering.hidden_items else []
    if steering.hidden_tags:
        tags = dict.fromkeys(bundle.tags(item))
        found += [Bar("hide_tag", tag=tag) for tag in tags if tag in steering.hidden_tags]
    if item in capped and steering.frequency_cap:
        found.append(Bar("frequency_cap", shown=capped[item], days=steering.frequency_cap.days))
    if bundle.position(item) in bundle.unavailable(now):
        found.append(Bar("unavailable"))
    return tuple(found)
