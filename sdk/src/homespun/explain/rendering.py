"""How reasons are worded and additive tables are laid out."""

from collections.abc import Sequence

_VERBS = {
    "buy": "bought",
    "click": "clicked",
    "dislike": "disliked",
    "dismiss": "dismissed",
    "hide": "hid",
    "interest": "set your interest in",
    "less_like": "asked for less like",
    "like": "liked",
    "listen": "listened to",
    "more_like": "asked for more like",
    "open": "opened",
    "play": "played",
    "purchase": "bought",
    "rate": "rated",
    "read": "read",
    "repeat": "chose",
    "save": "saved",
    "skip": "skipped",
    "view": "viewed",
    "watch": "watched",
}


def verb(kind: str) -> str:
    """Return what somebody did, in the past tense: ``rated`` for ``rate``; ``chose`` for an unknown kind."""
    return _VERBS.get(kind, "chose")


def popularity(prior: str) -> str:
    """Return what speaks for an item with a large value of a prior: ``popular lately`` for ``trend-7d``."""
    if prior == "trend" or prior.startswith("trend-"):
        return "popular lately"
    return "popular with everybody" if prior == "popularity" else f"{prior} of the item"


def habit(feature: str, value: str, *, often: bool) -> str:
    """Return what somebody chooses: ``it more often when daytime is evening``."""
    return f"it {'more' if often else 'less'} often when {feature} is {value}"


def because(phrases: Sequence[tuple[str, str]]) -> str:
    """Join (verb, title) phrases to a reason, naming the verb once where it is the same.

    Args:
        phrases: One or two.
    """
    if len(phrases) == 2 and phrases[0][0] == phrases[1][0]:  # noqa: PLR2004 - a pair
        return f"because you {phrases[0][0]} {phrases[0][1]} and {phrases[1][1]}"
    return "because you " + " and ".join(f"{done} {title}" for done, title in phrases)


def additive_table(parts: Sequence[tuple[str, float]], residual: float, score: float, rows: int) -> str:
    """Lay out parts that add up to a score.

    Args:
        parts: Label and value, most important first.
        residual: What the parts leave unexplained.
        score: The sum.
        rows: How many parts to list; the others are summed in one line.
    """
    shown, rest = parts[:rows], parts[rows:]
    lines = list(shown)
    if rest:
        lines.append((f"{len(rest)} smaller parts", sum(value for _, value in rest)))
    rounding = "rounding (residual)"
    width = max([len(rounding), *(len(label) for label, _ in lines)])
    body = [f"{label:<{width}}  {value:+.6f}" for label, value in lines]
    body.append(f"{rounding:<{width}}  {residual:+.1e}")
    total = f"{'score':<{width}}  {score:+.6f}"
    return "\n".join([*body, "-" * len(total), total])
