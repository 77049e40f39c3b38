"""What constraints did to an item's place, in words. They change no score, so they are never parts of one."""

from homespun.ranking.constraints import Bar
from homespun.ranking.decision import Decision


def moves_of(decision: Decision, place: int) -> tuple[str, ...]:
    """Return what was done to the item at ``place`` (from 0) of a decision's list.

    An item that was asked for by name has no place; told is what keeps it out of lists.
    """
    moved = () if decision.places is None else _moved(decision, int(decision.places[place]), place)
    return (*moved, *(_barred(bar) for bar in decision.bars))


def _moved(decision: Decision, by_score: int, place: int) -> tuple[str, ...]:
    if by_score == place:
        return ()
    if place in decision.reserved:
        return (f"at place {place + 1}, which is kept for items that are new",)
    direction = "up" if place < by_score else "down"
    purposes = []
    if decision.spread:
        purposes.append("unlike items stand side by side")
    if decision.reserved:
        purposes.append("new items have a place")
    return (f"moved {direction} from place {by_score + 1} to {place + 1}, so that {' and '.join(purposes)}",)


def _barred(bar: Bar) -> str:
    if bar.control == "hide_item":
        return "kept out of lists, because you hid it"
    if bar.control == "hide_tag":
        return f"kept out of lists, because you hid everything tagged {bar.tag}"
    if bar.control == "unavailable":
        return "kept out of lists, because it cannot be had now"
    times, days = _counted(bar.shown or 0, "time"), _counted(bar.days or 0, "day")
    return f"kept out of lists for now, because it was shown {times} in {days}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
