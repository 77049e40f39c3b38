"""Explanations in words and as an additive table."""

from homespun.explain.attribution import Attribution, Explanation

_VERBS = {
    "buy": "bought",
    "click": "clicked",
    "like": "liked",
    "listen": "listened to",
    "open": "opened",
    "play": "played",
    "purchase": "bought",
    "rate": "rated",
    "read": "read",
    "save": "saved",
    "view": "viewed",
    "watch": "watched",
}

_SECOND_REASON = 0.3
"""A second item is named if it adds at least this share of what the first adds."""


def reason(explanation: Explanation) -> str:
    """Return the main reason in words, for instance ``because you rated The Matrix and Alien``."""
    strongest = _strongest(explanation)
    general = "popular with everybody" if explanation.popularity else "from the catalogue"
    if not explanation.allowed:
        return f"{general}; not personalized, because you did not allow it"
    if not explanation.personalized:
        return f"{general}; nothing is known about you yet"
    if not strongest:
        return f"{general}; nothing you did speaks for it"
    phrases: list[tuple[str, str]] = [(_verb(part), part.title) for part in strongest]
    if len(phrases) > 1 and phrases[0][0] == phrases[1][0]:
        return f"because you {phrases[0][0]} {phrases[0][1]} and {phrases[1][1]}"
    return "because you " + " and ".join(f"{verb} {title}" for verb, title in phrases)


def table(explanation: Explanation, rows: int = 12) -> str:
    """Return the additive table as text: parts, the rest in one line, residual and score.

    Args:
        explanation: What to render.
        rows: How many parts to list; the others are summed in one line.
    """
    parts = [(_label(part), part.value) for part in explanation.attributions]
    shown, rest = parts[:rows], parts[rows:]
    lines = [*shown]
    if rest:
        lines.append((f"{len(rest)} smaller parts", sum(value for _, value in rest)))
    lines.append(("rounding (residual)", explanation.residual))
    width = max(len(label) for label, _ in [*lines, ("score", 0.0)])
    body = [f"{label:<{width}}  {value:+.6f}" for label, value in lines]
    total = f"{'score':<{width}}  {explanation.score:+.6f}"
    return "\n".join([*body, "─" * len(total), total])


def _strongest(explanation: Explanation) -> list[Attribution]:
    """The one or two history items that speak most for the item; components of one item are joined."""
    by_item: dict[str, tuple[float, Attribution]] = {}
    for part in explanation.attributions:
        if part.event is not None:
            before = by_item.get(part.event.item, (0.0, part))[0]
            by_item[part.event.item] = (before + part.value, part)
    speaking = sorted((entry for entry in by_item.values() if entry[0] > 0), key=lambda entry: -entry[0])[:2]
    return [part for value, part in speaking if value >= _SECOND_REASON * speaking[0][0]]


def _verb(part: Attribution) -> str:
    return _VERBS.get(part.event.kind, "chose") if part.event else ""


def _label(part: Attribution) -> str:
    if part.event is None:
        return "popularity, the same for everybody"
    return f"you {_verb(part)} {part.title} ({part.component})"
