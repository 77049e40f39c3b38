"""What every page is made from, and the pieces that pages share. Pure but for what it is handed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from homespun.consent import Purpose
from homespun.console.entering import Session
from homespun.console.markup import NOTHING, Child, Html, element
from homespun.console.parts import Notices, Parts
from homespun.console.private import PrivateSession
from homespun.person.export.markup import moment

_PURPOSES: Final[Mapping[str, str]] = {
    Purpose.DEVICE_STORAGE: "Keeping a profile on this device",
    Purpose.PERSONALIZATION: "Personal recommendations",
    Purpose.CONTRIBUTION: "Contributing to sums over many people",
    Purpose.MEASUREMENT: "Measuring what works",
    Purpose.EXPLANATION_LOG: "Keeping the reasons",
    Purpose.CONSENT_PROOF: "Proof of your choices",
    Purpose.REQUESTS: "Requests about your data",
    "updates": "Asking for what is published",
}
"""What purposes are called; what asks for bundles, tasks and lists needs none of a person's."""

LONGEST_TITLE = 160
"""Characters of a title where many are told."""


@dataclass(frozen=True, slots=True)
class View:
    """One request of somebody who came in.

    Attributes:
        parts: The person.
        session: Who asks.
        notices: The words that the application gave, by purpose.
        private: The private session that the page can begin.
        query: What the address asks for.
        ahead: Whether nobody may read the answer, so that nothing counts as told by it.
    """

    parts: Parts
    session: Session
    notices: Notices
    private: PrivateSession
    query: Mapping[str, str]
    ahead: bool = False

    def form(self, action: str, /, *children: Child, back: str = "", **hidden: str) -> Html:
        """Return a form; ``back`` is the page that is shown afterwards."""
        return self.form_as(action, "inline", *children, back=back, **hidden)

    def form_as(self, action: str, look: str, /, *children: Child, back: str = "", **hidden: str) -> Html:
        """Return a form with a class of its own."""
        sent = {"csrf": self.session.csrf, "back": back, **hidden}
        fields = [element("input", type="hidden", name=name, value=value) for name, value in sent.items()]
        return element("form", fields, children, method="post", action=f"do/{action}", class_=look)

    def title(self, item: str) -> str:
        """Return an item's title; its id where nothing is known of it."""
        return self.titles([item]).get(item, item)

    def titles(self, items: Iterable[str]) -> dict[str, str]:
        """Return titles by item, for those that are known."""
        bundle = self.parts.items.view
        known = [item for item in dict.fromkeys(items) if item in bundle]
        found = bundle.titles_at([bundle.position(item) for item in known])
        return dict(zip(known, map(_cut, found), strict=True))


def _cut(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE]}…"


def button(words: Child, look: str = "", *, name: str | None = None, label: str | None = None) -> Html:
    """Return the button that sends a form.

    Args:
        words: What stands on it.
        look: Its class.
        name: What is told of it where several look alike; read out in place of the words.
        label: As ``name``.
    """
    return element("button", words, type="submit", class_=look or None, aria_label=name or label)


def section(name: str, heading: str, *children: Child, lead: str = "", aside: Html = NOTHING) -> Html:
    """Return a part of a page with its heading; ``aside`` stands beside it."""
    intro = element("p", lead, class_="lead") if lead else NOTHING
    title = element("h2", heading, id=f"{name}-heading")
    head = element("div", title, aside, class_="with-news") if aside else title
    return element("section", head, intro, children, id=name, aria_labelledby=f"{name}-heading")


def more(summary: Child, *children: Child) -> Html:
    """Return what is told to who wants to know more."""
    return element("details", element("summary", summary), children)


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Html:
    """Return a table that scrolls by itself where there is too little room."""
    head = element("tr", [element("th", each, scope="col") for each in heads])
    body = [element("tr", [element("td", cell) for cell in row]) for row in rows]
    made = element("table", element("caption", caption), element("thead", head), element("tbody", body))
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def time(seconds: float | None) -> Html:
    """Return a time by the device's clock, in UTC."""
    return NOTHING if seconds is None else Html(f"{moment(seconds)} UTC")


def bar(value: float, largest: float, *, signed: bool) -> Html:
    """Return a bar; where there are some below nothing, from the middle on.

    Args:
        value: How long.
        largest: What fills it.
        signed: Whether there are values below 0.
    """
    length = 0.0 if largest <= 0 else min(abs(value) / largest, 1.0) * (50.0 if signed else 100.0)
    start = (50.0 - length if value < 0 else 50.0) if signed else 0.0
    # Drawn by attributes, because no style may stand in the page.
    drawn = element("rect", x=f"{start:.2f}", y=0, width=f"{max(length, 0.4):.2f}", height=6, rx=1)
    axis = element("rect", x="49.85", y=0, width="0.3", height=6, class_="axis") if signed else NOTHING
    return element(
        "svg",
        drawn,
        axis,
        class_=f"bar {'against' if value < 0 else 'for'}",
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def purpose_name(purpose: str) -> str:
    """Return what a purpose is called on the page."""
    return _PURPOSES.get(purpose, purpose)


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def listed_in_words(names: Sequence[str]) -> str:
    """Return names with commas between them, and ``and`` before the last."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def latest(caption: str, shown: int, all_of_them: int) -> str:
    """Return a caption that says where not all are shown."""
    return caption if shown == all_of_them else f"{caption}: {shown:,} of {all_of_them:,}; all are in your export"


def flag(*, on: bool, words: tuple[str, str] = ("On", "Off")) -> Html:
    """Return a state in words and in colour, never in colour alone."""
    return element("span", words[0] if on else words[1], class_=f"flag {'on' if on else 'off'}")
