"""What the operator asks of this device because the person asked it of them: part of the page ``Your choices``."""

from typing import Final

from homespun.asked.views import RequestView
from homespun.consent import Purpose
from homespun.console.markup import NOTHING, Html, element
from homespun.console.view import View, button, flag, section

BACK = "choices"

FILES: Final = frozenset({"access", "portability", "explanation"})
"""What is answered with a file, which the person gets; the operator is told its hash alone."""

RESTRICTION: Final = (
    "What is known about you is kept. No list uses it, nothing is learned or counted from it, and nothing of it is "
    "contributed (Art. 18 GDPR). What you do is recorded as before."
)
OBJECTION: Final = (
    "What you do is not recorded. What was recorded is kept; no list uses it, nothing is learned or counted from it, "
    "and nothing of it is contributed (Art. 21 GDPR)."
)
"""What two controls do, in the same words wherever they are offered."""

_FILE = (
    "You get a file with what is known, inferred, set, allowed and sent, as under Take or erase. The operator is told "
    "its hash, and not what is in it."
)

EFFECTS: Final = {
    **dict.fromkeys(sorted(FILES), _FILE),
    "rectification": "The operator is told that you have put right what you wanted; do that on these pages first.",
    "erasure": "The whole profile on this device is erased, with what you allowed. You get a receipt.",
    "restriction": f"Restrict is switched on. {RESTRICTION}",
    "objection": f"Object is switched on. {OBJECTION}",
    "opt-out": "What you allowed of contributing to sums over many people and of measuring what works is ended here.",
}
"""What answering does, by what was asked for."""

_WORDS: Final = {**dict.fromkeys(FILES, "Take the file, and answer"), "erasure": "Erase, and answer"}


def part(view: View) -> Html:
    """Return what waits for the person; nothing where nobody may ask."""
    requests = view.parts.requests
    if not requests.is_on or not view.parts.consent.granted(Purpose.REQUESTS):
        return NOTHING
    waiting = requests.pending()
    if not waiting:
        return NOTHING
    lead = (
        "The operator says that you asked for this. Your answer goes to them as you, with the time and a signature of "
        "this device."
    )
    cards = element("div", [_card(view, each) for each in waiting], class_="cards")
    return section("requests", "Requests that wait for you", cards, lead=lead)


def _card(view: View, request: RequestView) -> Html:
    asked = request.asked
    begun = request.state == "begun"
    head = element(
        "div", element("h3", asked.kind.capitalize()), flag(on=begun, words=("Begun", "Waits")), class_="head"
    )
    where = (
        f"Under {asked.regulation}, to be answered by {asked.deadline}. How it was checked who asks: {asked.verified}."
    )
    decline = view.form("decline", button("Decline", name=f"Decline: {asked.kind}"), back=BACK, request=asked.request)
    return element(
        "div",
        head,
        element("p", asked.text, class_="notice"),
        element("p", where, class_="hint"),
        element("p", EFFECTS[asked.kind]),
        _answer(view, request),
        decline,
        class_="card",
        data_request=asked.request,
    )


def _answer(view: View, request: RequestView) -> Html:
    kind = request.asked.kind
    pressed = button(_WORDS.get(kind, "Answer"), "danger" if kind == "erasure" else "", name=f"Answer: {kind}")
    if kind != "erasure":
        return view.form("answer", pressed, back=BACK, request=request.asked.request)
    box = element("input", type="checkbox", name="sure", value="on", required=True)
    inner = element("div", element("label", box, " Erase everything"), pressed, class_="row")
    return view.form_as("answer", "sure", inner, back=BACK, request=request.asked.request)
