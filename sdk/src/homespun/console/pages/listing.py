"""The page ``For you``: the list, the dials that change it, and what can be said of each item."""

from homespun.consent import Purpose
from homespun.console.markup import NOTHING, Html, address, element
from homespun.console.view import View, button, counted, listed_in_words, section, sentence
from homespun.errors import MisuseError
from homespun.listing import Dials
from homespun.protocol.controls import Steering
from homespun.ranking.request import HOME, Inputs
from homespun.recommendation import Recommendation

LENGTH = 10
"""Places of the list."""

NOTHING_KNOWN = "This list uses nothing that is known about you."

_MOST_TAGS = 4

_REFUSED = {
    "objection": "You objected to personalization.",
    "restriction": "You restricted what your data are used for.",
    "non_profiled": "You set that lists are made without personal data.",
    "switched_off": "Personal lists are off for now: the publisher switched them off, or was not reached for too long.",
}
_PRIVATE = "A private session is on."
_NOT_ALLOWED = "What you allowed does not cover personal lists."


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
    words = NOTHING if entries else element("p", "There is nothing to show: no item is left that may be listed.")
    return element("div", words, element("ol", entries, class_="items"), id="items")


def _live() -> Html:
    return element("p", "", id="news", class_="quiet", role="status", aria_live="polite")


def _standing(view: View) -> Html:
    parts = view.parts
    set_now, basis = parts.controls.current(), parts.listing.basis()
    told = [element("p", _used(set_now, basis), class_="lead")]
    if not parts.consent.granted(Purpose.DEVICE_STORAGE):
        words = (
            "You have not allowed storage on this device. What you set here is forgotten when the application ends, "
            "unless you allow it before."
        )
        told.append(element("p", words, class_="hint"))
    if set_now.paused:
        told.append(element("p", "Recording is paused: what you do is not recorded.", class_="hint"))
    return element("div", told, class_="standing")


def _used(set_now: Steering, basis: Inputs) -> str:
    """Return what the list is made from, by what it is really made from."""
    if not basis.allowed:
        return f"{_why_not(set_now, basis)} {NOTHING_KNOWN}{_still_holds(set_now)}"
    events = len(basis.events or ())
    sources = [
        *([f"from {counted(events, 'thing')} that you did"] if events else []),
        *(["from what you set"] if set_now.changes_lists else []),
        *(["from what you declared"] if basis.attributes else []),
    ]
    if not sources:
        return f"Nothing is known about you yet. {NOTHING_KNOWN}"
    return f"This list is made on this device, {listed_in_words(sources)}."


def _why_not(set_now: Steering, basis: Inputs) -> str:
    refusal = basis.steering.refusal
    if refusal is None:
        return _NOT_ALLOWED
    # A private session asks for the same as this control, which the person did not set.
    return _PRIVATE if refusal == "non_profiled" and not set_now.non_profiled else _REFUSED[refusal]


def _still_holds(set_now: Steering) -> str:
    hides = ["what you hid stays hidden"] if set_now.hidden_items or set_now.hidden_tags else []
    dials = ["the dials count"] if set_now.diversity or set_now.exploration is not None else []
    if not hides and not dials:
        return ""
    return f" {sentence(listed_in_words([*hides, *dials]))}"


def _dials(view: View) -> Html:
    steering = view.parts.controls.current()
    own = "" if steering.exploration is not None else " As long as you do not move it, the application decides."
    form = view.form_as(
        "dials",
        "dials",
        _dial("diversity", "Diversity", steering.diversity, "More different things side by side."),
        _dial(
            "exploration",
            "Exploration",
            view.parts.listing.exploration(HOME),
            f"Up to half of the places go to other items, by chance, to find out whether you like them.{own}",
        ),
        element(
            "div",
            button("Use these dials", "primary"),
            element("button", "Set both back", type="submit", name="reset", value="on", class_="quiet-button"),
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
            step=1,
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
            element("p", sentence(made.reason), class_="reason"),
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
