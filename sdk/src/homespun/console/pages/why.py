"""The page ``Why this?``: the exact parts of a score, what would be otherwise, and buttons that make it so."""

from collections.abc import Sequence

from homespun.console.markup import NOTHING, Html, address, element
from homespun.console.pages.listing import LENGTH, listed
from homespun.console.view import View, bar, button, counted, listed_in_words, more, section, sentence
from homespun.errors import MisuseError
from homespun.explain.counterfactual import MOST_CHANGES, Change, Counterfactual, changes_of
from homespun.explain.explanation import Attribution, Explanation
from homespun.listing import PASSING
from homespun.recommendation import Recommendation

FIRST_PARTS = 8
"""Parts of a score that are shown at once."""

MOST_PARTS = 60
"""Parts of a score that have a line of their own; the others are one line."""

MOST_REASONS = 8
"""Reasons that can be removed one by one."""

_EFFECTS = {
    "event": "What you did with it says nothing of your taste from now on. It stays recorded, and you can undo this.",
    "more_like": "Your wish for more like it is taken back. You can undo this.",
    "less_like": "Your wish for less like it is taken back. You can undo this.",
    "interest": "The interest is inferred again in place of what you set. You can undo this.",
    "diversity": "The dial goes back to 0. You can undo this.",
    "exploration": "The dial goes back to what the application decides. You can undo this.",
    "context": "It is a circumstance of the moment, so there is nothing to take back.",
    "attribute": "You declared it: take it back under About you.",
}


_HEADS = element(
    "thead",
    element("tr", [element("th", each, scope="col") for each in ("What speaks for it, or against it", "Adds")]),
)


_NO_ANSWER = (
    f"Nothing that was tried, up to {MOST_CHANGES} reasons at a time, takes it out of the list. What else would come "
    "of it:"
)

_THROUGH = {
    "collaborative": "by what people like together",
    "sequential": "by what people choose afterwards",
    "session": "by what people choose right afterwards",
    "content": "by how alike they are",
}
"""What is said of the model's components."""


def found(view: View, item: str) -> Recommendation | None:
    """Return the item's place in the list; None if it is not listed."""
    return next((each for each in listed(view) if each.item == item), None)


def removable(view: View, made: Recommendation) -> tuple[Counterfactual, list[Change]]:
    """Return what keeps an item in the list, and all reasons of it that can be taken away, the main one first."""
    listing = view.parts.listing
    answer, reasons = listing.counterfactual(made, 12), dict[tuple[str, str], Change]()
    for change in (*answer.changes, *_changes(listing.explained(made).attributions)):
        reasons.setdefault((change.kind, change.target), change)
    return answer, list(reasons.values())


def page(view: View) -> tuple[str, Html]:
    """Return the page's title, and the page."""
    item = view.query.get("item", "")
    made = found(view, item)
    told = view.parts.listing.explained(made or item)
    head = element("p", sentence(told.reason), class_="lead reason-lead")
    place = element("p", _place(told), class_="hint")
    moves = element("ul", [element("li", move) for move in told.moves], class_="moves") if told.moves else NOTHING
    parts = (head, place, moves, _parts(told), *(() if made is None else _otherwise(view, made)), _also(view, told))
    return f"Why {told.title}?", Html("".join(parts))


def _place(told: Explanation) -> str:
    if told.place is None:
        return "It is not in your list now."
    general = (
        f"somebody of whom nothing is known would see it at place {told.general_place}"
        if told.general_place
        else "somebody of whom nothing is known would not see it"
    )
    return f"Place {told.place} of {LENGTH}, out of {counted(told.candidates, 'candidate')}; {general}."


def _parts(told: Explanation) -> Html:
    shown, rest = told.attributions[:MOST_PARTS], told.attributions[MOST_PARTS:]
    lines = [(label(part), part.value) for part in shown]
    if rest:
        lines.append((counted(len(rest), "smaller part"), sum(part.value for part in rest)))
    largest = max((abs(value) for _, value in lines), default=0.0)
    signed = any(value < 0 for _, value in lines)
    rows = [_line(words, value, largest, signed=signed) for words, value in lines]
    first, others = rows[:FIRST_PARTS], rows[FIRST_PARTS:]
    sums = [
        _figure(f"{counted(len(others), 'more part')}, below", f"{sum(v for _, v in lines[FIRST_PARTS:]):+.4f}")
        if others
        else NOTHING,
        _figure("Rounding", f"{told.residual:+.1e}" if told.residual else "0"),
        _figure("Score", f"{told.score:+.4f}", strong=True),
    ]
    made = element("table", _HEADS, element("tbody", first), element("tfoot", sums), class_="parts")
    below = element("table", _HEADS, element("tbody", others), class_="parts")
    all_parts = more(f"The other {counted(len(others), 'part')}", below) if others else NOTHING
    lead = "The score is the sum of these parts, which are shown to four decimals."
    if signed:
        lead = f"{lead} A bar to the left of the line speaks against it."
    return section("parts", "What its score is made of", made, all_parts, lead=lead)


def label(part: Attribution) -> str:
    """Return what a part is, without names that only the model's makers use."""
    through, name = _THROUGH.get(part.component or ""), f" ({part.component})"
    if through is None or not part.label.endswith(name):
        return part.label
    return f"{part.label.removesuffix(name)}, {through}"


def _line(words: str, value: float, largest: float, *, signed: bool) -> Html:
    named = element("th", element("span", words), bar(value, largest, signed=signed), scope="row")
    return element("tr", named, element("td", f"{value:+.4f}", class_="number"))


def _figure(words: str, value: str, *, strong: bool = False) -> Html:
    row = element("th", words, scope="row"), element("td", value, class_="number")
    return element("tr", *row, class_="total" if strong else None)


def _otherwise(view: View, made: Recommendation) -> tuple[Html, ...]:
    answer, reasons = removable(view, made)
    named = listed_in_words([words_of(view, change) for change in answer.changes]) if answer.found else ""
    lead = f"Without {named} it would not be among the first {answer.k}." if answer.found else _NO_ANSWER
    tried = f"This was tried out, not guessed: the list was made again {counted(answer.executed, 'time')}."
    if not reasons:
        return (section("otherwise", "What would change it", element("p", "Nothing that you did, set or declared.")),)
    cards = [_reason(view, made, change) for change in reasons[:MOST_REASONS]]
    whole = NOTHING
    if len(answer.changes) > 1 and all(change.kind not in PASSING for change in answer.changes):
        effect = element("p", _difference(view, made, answer), class_="hint")
        whole = element("div", element("h3", "All of these together"), effect, _remove(view, made, None), class_="card")
    hint = element("p", tried, class_="hint")
    rest = len(reasons) - len(cards)
    more_of_them = element("p", f"{counted(rest, 'more reason')} not shown.", class_="hint") if rest else NOTHING
    told = hint, whole, element("div", cards, class_="cards"), more_of_them
    return (section("otherwise", "What would change it", *told, lead=lead),)


def _reason(view: View, made: Recommendation, change: Change) -> Html:
    return element(
        "div",
        element("h3", f"Without {words_of(view, change)}"),
        element("p", _difference(view, made, change)),
        element("p", _EFFECTS[change.kind], class_="hint"),
        NOTHING if change.kind in PASSING else _remove(view, made, change),
        class_="card",
    )


def _remove(view: View, made: Recommendation, change: Change | None) -> Html:
    kind, target = ("", "") if change is None else (change.kind, change.target)
    words = "Remove these reasons" if change is None else "Remove this reason"
    named = words if change is None else f"{words}: {words_of(view, change)}"
    return view.form("without", button(words, "primary", name=named), item=made.item, kind=kind, target=target)


def _difference(view: View, made: Recommendation, reason: Counterfactual | Change) -> str:
    before, after = listed(view), view.parts.listing.imagined(made, reason)
    old, new = {each.item: each.title for each in before}, {each.item: each.title for each in after}
    gone = [title for item, title in old.items() if item not in new]
    come = [title for item, title in new.items() if item not in old]
    if not gone and not come:
        moved = [each.item for each in before] != [each.item for each in after]
        return "The list would hold the same, in another order." if moved else "The list would stay as it is."
    lost, won = (listed_in_words(titles) if titles else "nothing" for titles in (gone, come))
    return f"The list would lose {lost} and gain {won}."


def words_of(view: View, change: Change) -> str:
    """Return what a reason is called."""
    # The parts of one item by several components are one reason.
    named = {
        "event": f"what you did with {view.title(change.target)}",
        "more_like": f"your wish for more like {view.title(change.target)}",
        "less_like": f"your wish for less like {view.title(change.target)}",
    }
    return named.get(change.kind, change.label)


def _changes(attributions: Sequence[Attribution]) -> list[Change]:
    found: list[Change] = []
    for each in attributions:
        try:
            found.extend(changes_of(each))
        except MisuseError:
            continue
    return found


def _also(view: View, told: Explanation) -> Html:
    hide = view.form(
        "item",
        button("Hide it", "quiet-button", name=f"Hide it: {told.title}"),
        control="hide_item",
        item=told.item,
        on="on",
    )
    erase = element(
        "a", "Erase what is recorded about it", href=address("yours", item=told.item) + "#part", class_="button"
    )
    facts = {
        "Model": told.model,
        "Bundle": told.bundle,
        "Policy": told.policy,
        "Computed by": told.runtime,
        "Experiment": told.experiment,
    }
    shown = [(element("dt", name), element("dd", value)) for name, value in facts.items() if value]
    record = more("What computed this", element("dl", shown))
    return section("also", "What else you can do", element("div", hide, erase, class_="row"), record)
