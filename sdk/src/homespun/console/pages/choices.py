"""The page ``Your choices``: what is allowed, how far it may go, and everything that was ever set, to be undone."""

from homespun.consent import Purpose, PurposeStatus
from homespun.console.markup import NOTHING, Html, element
from homespun.console.pages import asked
from homespun.console.view import View, button, counted, flag, latest, more, purpose_name, section, table, time
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.controls import FrequencyCap

BACK = "choices"

MOST_CHANGES = 50
"""Settings that are listed; all are in the export."""

MOST_RECORDS = 60
"""Consent records that are listed; all are in the export."""

_PRIVATE = (
    "What you do is not recorded, lists use nothing that is known about you, no reasons of lists are kept, and nothing "
    "about you is sent. It lasts until you end it, or the application ends."
)
_IMPERSONAL = (
    "Lists use nothing that is known about you; what you hid stays hidden, and the dials count (Art. 38 DSA). What you "
    "do is recorded as before."
)

SWITCHES = (
    ("pause", "Pause recording", "What you do is not recorded. Lists go on using what is known about you."),
    ("private", "Private session", _PRIVATE),
    ("non_profiled", "Lists without personal data", _IMPERSONAL),
    ("restriction", "Restrict", asked.RESTRICTION),
    ("objection", "Object", asked.OBJECTION),
)
"""What stops the use of data without ending a consent: control, name, effect."""


LONGEST_NOTICE = 6_000
"""Characters of the words that can be shown here; what has longer ones cannot be allowed here."""


def page(view: View) -> Html:
    """Return the page."""
    return Html(asked.part(view) + _consents(view) + _switches(view) + _cap(view) + _changes(view))


def _consents(view: View) -> Html:
    status = view.parts.consent.status()
    cards = [_consent(view, purpose, each) for purpose, each in status.items()]
    records = view.parts.consent.records()
    rows = [_record(record) for record in reversed(records[-MOST_RECORDS:])]
    caption = latest("The latest first", len(rows), len(records))
    history = table(caption, ("No.", "When", "Purpose", "What happened", "Where"), rows)
    past = more(f"History: {counted(len(records), 'choice')}", history) if records else NOTHING
    lead = "Each is allowed and ended by itself. All others need the profile on this device."
    return section("consents", "What you allow", element("div", cards, class_="cards"), past, lead=lead)


def _record(record: ConsentRecord) -> tuple[str | Html, ...]:
    what = purpose_name(record.purpose) if record.purpose else f"signal {record.signal}"
    return str(record.sequence), time(record.time), what, record.action, f"{record.surface}, {record.method}"


def _consent(view: View, purpose: Purpose, status: PurposeStatus) -> Html:
    name = purpose_name(purpose)
    record, notice = status.decided_by, view.notices.get(purpose)
    shown = record.notice if record is not None else None
    since = element("p", status.because or "allowed", ", since ", time(record.time), class_="hint") if record else None
    words: list[Html] = [
        more(
            f"The words that you saw (version {shown.version})",
            element("p", _words(shown.text), class_="notice", lang=shown.language),
        )
        if shown is not None
        else NOTHING
    ]
    if (
        not status.granted
        and notice is not None
        and len(notice.text) <= LONGEST_NOTICE
        and (shown is None or shown.sha256 != notice.sha256)
    ):
        words.append(element("p", notice.text, class_="notice", lang=notice.language))
    return element(
        "div",
        element("div", element("h3", name), flag(on=status.granted, words=("Allowed", "Not allowed")), class_="head"),
        element("p", purpose.description),
        since or element("p", status.because, class_="hint"),
        words,
        _withdraw(view, purpose, name) if status.granted else _grant(view, purpose, name),
        class_="card",
        data_purpose=purpose.value,
    )


def _words(text: str) -> str:
    return text if len(text) <= LONGEST_NOTICE else f"{text[:LONGEST_NOTICE]} … (the whole text is in your export)"


def _withdraw(view: View, purpose: Purpose, name: str) -> Html:
    if purpose is not Purpose.DEVICE_STORAGE:
        return view.form("consent", _switch(name, on=True), back=BACK, purpose=purpose.value, on="off")
    warning = element("p", "Ending this erases the whole profile. You get a receipt.", class_="hint")
    sure = element(
        "label", element("input", type="checkbox", name="sure", value="on", required=True), " Erase everything"
    )
    inner = element("div", sure, _switch(name, on=True), class_="row")
    return view.form_as("consent", "sure", warning, inner, back=BACK, purpose=purpose.value, on="off")


def _grant(view: View, purpose: Purpose, name: str) -> Html:
    notice = view.notices.get(purpose)
    if notice is None or len(notice.text) > LONGEST_NOTICE:
        return element("p", "The application has to ask you for this; it cannot be allowed here.", class_="hint")
    return view.form(
        "consent", _switch(name, on=False), back=BACK, purpose=purpose.value, on="on", notice=notice.sha256
    )


def _switch(name: str, *, on: bool) -> Html:
    state = "true" if on else "false"
    knob = element("span", class_="knob", aria_hidden="true")
    words = element("span", "On" if on else "Off", aria_hidden="true")
    return element(
        "button", knob, words, type="submit", class_="switch", role="switch", aria_checked=state, aria_label=name
    )


def _switches(view: View) -> Html:
    steering = view.parts.controls.current()
    elsewhere = (
        element("p", "The application has begun one of its own, which is on now.", class_="hint")
        if view.parts.listing.is_private and not view.private.is_on
        else NOTHING
    )
    states = {
        "pause": steering.paused,
        "private": view.private.is_on,
        "non_profiled": steering.non_profiled,
        "restriction": steering.restricted,
        "objection": steering.objected,
    }
    cards = [
        element(
            "div",
            element("div", element("h3", name), flag(on=states[control]), class_="head"),
            element("p", effect),
            elsewhere if control == "private" else NOTHING,
            view.form(
                "switch",
                _switch(name, on=states[control]),
                back=BACK,
                control=control,
                on="off" if states[control] else "on",
            ),
            class_="card",
        )
        for control, name, effect in SWITCHES
    ]
    lead = (
        "Limit what happens with your data without ending what you allowed. Whatever you limit, what you set, declare "
        "and choose here is kept. So are reasons of lists, reports of your choices and answers to requests where you "
        "allowed them, except in a private session."
    )
    return section("switches", "How far it may go", element("div", cards, class_="cards"), lead=lead)


def _cap(view: View) -> Html:
    cap = view.parts.controls.current().frequency_cap
    now = cap or FrequencyCap(3, 7)
    said = (
        f"You set that an item is left out of lists once it was in {counted(cap.times, 'list')} within "
        f"{counted(cap.days, 'day')}. What is listed is counted since then, while recording and personal lists are on."
        if cap
        else "You set no limit."
    )
    form = view.form_as(
        "cap",
        "line",
        element("label", "At most in so many lists", for_="cap-times"),
        element("input", type="number", id="cap-times", name="times", min=1, max=1000, value=now.times),
        element("label", "within so many days", for_="cap-days"),
        element("input", type="number", id="cap-days", name="days", min=1, max=3650, value=now.days),
        button("Set the limit"),
        back=BACK,
    )
    none = view.form("cap", button("No limit", "quiet-button"), back=BACK, times="", days="") if cap else NOTHING
    return section("cap", "How often the same is listed", element("p", said), element("div", form, none, class_="row"))


def _changes(view: View) -> Html:
    changes = view.parts.controls.history()
    if not changes:
        return section("history", "What you set", element("p", "There is nothing that you set."))
    rows = []
    for change in reversed(changes[-MOST_CHANGES:]):
        number = str(change.entry.sequence)
        undo = view.form(
            "undo", button("Undo", "quiet-button", name=f"Undo {number}: {change.text}"), back=BACK, number=number
        )
        rows.append((number, time(change.entry.time), change.text, "taken back" if change.undone else undo))
    caption = latest("The latest first", len(rows), len(changes))
    return section("history", "What you set", table(caption, ("No.", "When", "What", "Undo"), rows))
