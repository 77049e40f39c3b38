"""The page ``About you``: what was recorded and declared, and what was inferred from it, with buttons to correct it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from homespun.console.markup import NOTHING, Html, address, element
from homespun.console.view import View, bar, button, counted, latest, more, section, table, time
from homespun.person.interests import Interest
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event

MOST_INTERESTS = 40
"""Interests that are shown; the others are in the export."""

MOST_BEHIND = 6
"""Events that are told behind one interest."""

MOST_KINDS = 12
"""Kinds of events that are counted one by one."""

LATEST = 20
"""Events that are told one by one; all are in the export."""

BACK = "known"


def page(view: View) -> Html:
    """Return the page."""
    events = view.parts.events()
    titles = view.titles(event.item for event in events)
    return Html(_recorded(events, titles) + _inferred(view, titles) + _hidden(view) + _declared(view))


def _recorded(events: Sequence[Event], titles: dict[str, str]) -> Html:
    if not events:
        return section("recorded", "What is recorded", element("p", "Nothing is recorded about you."))
    kinds = Counter(event.kind for event in events)
    times = [event.time for event in events if event.time is not None]
    facts = [
        element("div", element("dt", kind), element("dd", f"{number:,}"))
        for kind, number in kinds.most_common(MOST_KINDS)
    ]
    since = element("p", "From ", time(min(times)), " to ", time(max(times)), ".", class_="hint") if times else NOTHING
    rows = [
        (
            time(event.time),
            event.kind if event.weight is None else f"{event.kind} {event.weight:g}",
            titles.get(event.item, event.item),
            element(
                "a",
                "Erase …",
                href=address("yours", item=event.item) + "#part",
                aria_label=f"Erase what is recorded about {titles.get(event.item, event.item)}",
            ),
        )
        for event in reversed(events[-LATEST:])
    ]
    told = table(
        latest("The latest first", len(rows), len(events)), ("When", "What you did", "With what", "Erase"), rows
    )
    words = f"{counted(len(events), 'thing')} that you did, kept on this device."
    others = len(kinds) - len(facts)
    rest = element("p", f"{counted(others, 'other kind')} of things not shown.", class_="hint") if others else NOTHING
    return section(
        "recorded",
        "What is recorded",
        element("dl", facts, class_="figures"),
        rest,
        since,
        more("One by one", told),
        lead=words,
    )


def _inferred(view: View, titles: dict[str, str]) -> Html:
    found = view.parts.interests()
    cards = [_interest(view, each, titles) for each in found[:MOST_INTERESTS]]
    words = "Nothing is inferred now: nothing may be used, or there is nothing to infer from."
    shown = element("ul", cards, class_="interests") if cards else element("p", words)
    rest = len(found) - len(cards)
    left = (
        element("p", f"{counted(rest, 'smaller interest')} not shown; all are in your export.", class_="hint")
        if rest > 0
        else NOTHING
    )
    add = view.form_as(
        "interest",
        "line",
        element("label", "Another interest", for_="new-interest"),
        element("input", id="new-interest", name="tag", required=True, maxlength=512, autocomplete="off"),
        element("input", type="hidden", name="weight", value="100"),
        button("Add it"),
        back=BACK,
    )
    lead = (
        "An interest is inferred as the share of what you like that carries a tag. Set it yourself, or say that it is "
        "wrong."
    )
    return section("inferred", "What is inferred, and why", shown, left, add, lead=lead)


def _interest(view: View, interest: Interest, titles: dict[str, str]) -> Html:
    tag, percent = interest.tag, round(interest.weight * 100)
    name = f"interest-{tag}"
    origin = f"set by you; inferred: {interest.inferred:.0%}" if interest.edited else "inferred"
    slider = view.form_as(
        "interest",
        "line",
        element("label", f"How much: {tag}", for_=name, class_="seen-not"),
        element("input", type="range", id=name, name="weight", min=0, max=100, step=5, value=percent),
        button("Set", "quiet-button", name=f"Set the interest {tag}"),
        back=BACK,
        tag=tag,
    )
    veto = view.form(
        "interest",
        button("That is wrong", "quiet-button", name=f"That is wrong: {tag}"),
        back=BACK,
        tag=tag,
        weight="0",
    )
    reset = (
        view.form(
            "interest", button("As inferred", "quiet-button", name=f"As inferred: {tag}"), back=BACK, tag=tag, weight=""
        )
        if interest.edited
        else NOTHING
    )
    behind = [
        element("li", f"{event.kind}: {titles.get(event.item, event.item)}") for event in interest.events[-MOST_BEHIND:]
    ]
    rest = len(interest.events) - len(behind)
    said = counted(len(interest.events), "thing") + " that you did"
    why = more(f"From {said}", element("ul", behind), f"and {rest:,} more" if rest else None) if behind else NOTHING
    head = element("h3", tag), element("p", element("strong", f"{percent} %"), f" {origin}", class_="hint")
    acts = element("div", slider, veto, reset, class_="row")
    return element("li", head, bar(interest.weight, 1.0, signed=False), acts, why, class_="card")


def _hidden(view: View) -> Html:
    steering = view.parts.controls.current()
    shown = [
        *_set(view, "hide_item", steering.hidden_items, "Show it again"),
        *_set(view, "hide_tag", steering.hidden_tags, "Show it again"),
        *_set(view, "more_like", steering.more_like, "No longer more like it"),
        *_set(view, "less_like", steering.less_like, "No longer less like it"),
        *_set(view, "ignore_item", steering.ignored_items, "Let it count again"),
    ]
    told = (
        element("ul", shown, class_="plain")
        if shown
        else element("p", "Nothing is hidden, and you wished for nothing.")
    )
    hide = view.form_as(
        "item",
        "line",
        element("label", "Hide everything tagged", for_="hide-tag"),
        element(
            "input", id="hide-tag", name="item", required=True, maxlength=512, list="known-tags", autocomplete="off"
        ),
        element("datalist", [element("option", value=tag) for tag in _tags(view, steering)], id="known-tags"),
        button("Hide"),
        back=BACK,
        control="hide_tag",
        on="on",
    )
    return section("hidden", "What you hid and wished for", told, hide)


_NAMES = {
    "hide_item": "Hidden",
    "hide_tag": "Hidden tag",
    "more_like": "More like",
    "less_like": "Less like",
    "ignore_item": "Says nothing of your taste",
}


def _set(view: View, control: str, targets: frozenset[str], words: str) -> list[Html]:
    found = []
    for target in sorted(targets):
        title = target if control == "hide_tag" else view.title(target)
        act = button(words, "quiet-button", name=f"{words}: {title}")
        form = view.form("item", act, back=BACK, control=control, item=target, on="off")
        found.append(element("li", element("span", element("small", _NAMES[control]), " ", title), form))
    return found


def _tags(view: View, steering: Steering) -> list[str]:
    return sorted({each.tag for each in view.parts.interests()} - steering.hidden_tags)[:MOST_INTERESTS]


def _declared(view: View) -> Html:
    declared = dict(view.parts.attributes)
    names = list(dict.fromkeys((*view.parts.attribute_names, *declared)))
    if not names:
        return NOTHING
    rows = [_attribute(view, name, declared) for name in names]
    lead = "What you say about yourself. It is kept on this device, and used where lists may be personal."
    return section("declared", "What you declared", element("div", rows, class_="cards"), lead=lead)


def _attribute(view: View, name: str, declared: Mapping[str, object]) -> Html:
    value, words = declared.get(name), _spoken(name)
    key = f"attribute-{name}"
    change = (
        view.form_as(
            "attribute",
            "line",
            element("label", words, for_=key),
            element("input", id=key, name="value", value="" if value is None else str(value), maxlength=256),
            button("Declare", name=f"Declare {words}"),
            back=BACK,
            name=name,
        )
        if name in view.parts.attribute_names
        else element("p", f"{words}: {value}")
    )
    gone = button("Take back", "quiet-button", name=f"Take back {words}")
    remove = view.form("attribute", gone, back=BACK, name=name) if name in declared else NOTHING
    return element("div", change, remove, class_="card")


def _spoken(name: str) -> str:
    """Return the name of an attribute as it is said: ``Age band`` for ``age_band``."""
    words = name.replace("_", " ").strip() or name
    return f"{words[:1].upper()}{words[1:]}"
