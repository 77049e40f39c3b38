"""The page ``For you``: the list, the dials that change it, and what can be said of each item."""

from homespun.consent import Purpose
from homespun.console.markup import NOTHING, Html, address, element
from homespun.console.view import View, button, counted, section
from homespun.errors import MisuseError
from homespun.listing import Dials
from homespun.protocol.controls import Steering
from homespun.ranking.request import HOME
from homespun.recommendation import Recommendation

LENGTH = 10
"""Places of the list."""

_MOST_TAGS = 4

_REFUSED = {
    "objection": "You objected to personalization, so this list uses nothing about you.",
    "restriction": "Your data are kept and not used, as you set it, so this list uses nothing about you.",
    "non_profiled": "This list is made without personal data, as you set it.",
    "switched_off": "Personal lists are switched off for now by the publisher, so this list uses nothing about you.",
}


def listed(view: View, dials: Dials | None = None) -> list[Recommendation]:
    """Return the list as it is shown here."""
    return view.parts.listing.looked_at(LENGTH, HOME, seed=view.session.seed, dials=dials)


def page(view: View) -> Html:
    """Return the page."""
    return Html(_standing(view) + _dials(view) + section("list", "Your list now", fragment(view), aside=_live()))


def fragment(view: View) -> Html:
    """Return the list alone; the dials are those of the address, if it names any, else those that are set."""
    made = listed(view, _tried(view))
    entries = [_entry(view, recommendation) for recommendation in made]
    words = element("p", "There is nothing to show: everything is hidden or known.") if not entries else NOTHING
    return element("div", words, element("ol", entries, class_="items"), id="items")


def _live() -> Html:
    return element("p", "", id="news", class_="quiet", role="status", aria_live="polite")


def _standing(view: View) -> Html:
    parts = view.parts
    steering, events = parts.controls.current(), len(parts.events())
    told = [element("p", _used(view, steering, events), class_="lead")]
    if not parts.consent.granted(Purpose.DEVICE_STORAGE):
        told.append(
            element(
                "p",
                "Nothing is kept: you have not allowed storage on this device. What you set here is forgotten when the "
                "application ends.",
                class_="hint",
            )
        )
    if steering.paused:
        told.append(element("p", "Recording is paused: nothing new becomes known.", class_="hint"))
    if view.private.is_on:
        told.append(
            element("p", "A private session is on: nothing is recorded and nothing of you is used.", class_="hint")
        )
    return element("div", told, class_="standing")


def _used(view: View, steering: Steering, events: int) -> str:
    if steering.refusal is not None:
        return _REFUSED[steering.refusal]
    if view.private.is_on or not view.parts.consent.granted(Purpose.PERSONALIZATION) or not events:
        return "This list uses nothing about you: it is the same for everybody."
    return f"This list is made on this device, from {counted(events, 'thing')} that you did and from what you set."


def _dials(view: View) -> Html:
    steering = view.parts.controls.current()
    exploration = steering.exploration
    own = "" if exploration is not None else " As long as you do not set it, the application decides."
    form = view.form_as(
        "dials",
        "dials",
        _dial("diversity", "Diversity", steering.diversity, "More different things side by side."),
        _dial(
            "exploration", "Exploration", exploration or 0.0, f"Up to half of the places by chance, to find out.{own}"
        ),
        element(
            "div",
            button("Use these dials", "primary"),
            element("button", "As it was made", type="submit", name="reset", value="on", class_="quiet-button"),
            class_="row",
        ),
    )
    return section("dials", "How it is mixed", form)


def _dial(name: str, words: str, value: float, hint: str) -> Html:
    percent = round(value * 100)
    return element(
        "div",
        element("label", words, for_=f"dial-{name}"),
        element("output", f"{percent} %", for_=f"dial-{name}", id=f"value-{name}"),
        element(
            "input",
            type="range",
            id=f"dial-{name}",
            name=name,
            min=0,
            max=100,
            step=5,
            value=percent,
            aria_describedby=f"hint-{name}",
        ),
        element("p", hint, id=f"hint-{name}", class_="hint"),
        class_="dial",
    )


def _entry(view: View, made: Recommendation) -> Html:
    bundle = view.parts.items.view
    tags = bundle.tags(made.item)[:_MOST_TAGS] if made.item in bundle else ()
    steering = view.parts.controls.current()
    return element(
        "li",
        element(
            "article",
            element("h3", made.title),
            element("p", _sentence(made.reason), class_="reason"),
            element("ul", [element("li", tag) for tag in tags], class_="tags", aria_label="Tags") if tags else NOTHING,
            element(
                "div",
                element(
                    "a",
                    "Why this?",
                    href=address("why", item=made.item),
                    class_="button",
                    aria_label=f"Why this? {made.title}",
                ),
                _wish(view, made, "more_like", "More like this", on=made.item in steering.more_like),
                _wish(view, made, "less_like", "Less like this", on=made.item in steering.less_like),
                _wish(view, made, "hide_item", "Hide", on=False),
                class_="row",
            ),
        ),
        data_item=made.item,
    )


def _wish(view: View, made: Recommendation, control: str, words: str, *, on: bool) -> Html:
    look = "quiet-button chosen" if on else "quiet-button"
    pressed = None if control == "hide_item" else ("true" if on else "false")
    act = element(
        "button", words, type="submit", class_=look, aria_pressed=pressed, aria_label=f"{words}: {made.title}"
    )
    return view.form("item", act, control=control, item=made.item, on="off" if on else "on")


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."


def _tried(view: View) -> Dials | None:
    if "diversity" not in view.query:
        return None
    try:
        diversity = float(view.query["diversity"]) / 100
        exploration = float(view.query["exploration"]) / 100 if view.query.get("exploration") else None
    except ValueError:
        raise MisuseError("a dial is a number from 0 to 100.") from None
    # NaN fails every comparison.
    if not all(0 <= level <= 1 for level in (diversity, exploration or 0.0)):
        raise MisuseError("a dial is a number from 0 to 100.")
    return Dials(diversity, exploration)
