"""The page ``What left``: every byte that left or waits to, what it cost, and what the device takes part in."""

from homespun.console.markup import NOTHING, Html, element
from homespun.console.view import View, button, latest, more, purpose_name, section, table, time
from homespun.contribute.views import TaskView
from homespun.errors import LedgerError
from homespun.measure.meeting import Running
from homespun.protocol.egress import EgressEntry

MOST_ENTRIES = 50
"""Entries that are listed; all are in the export."""

MOST_BYTES = 512
"""Bytes of a waiting contribution that are shown."""

BACK = "left"

_EPSILON = (
    "ε (epsilon) bounds how much the published sums of all contributions of this profile can reveal about you, but for "
    "a very small chance that each task names (δ). Smaller is less. It counts on one of a task's two services being "
    "honest. Nothing is contributed past the limit. What goes out as you, such as reports of your choices and answers "
    "to requests, tells what it tells: it has no ε."
)

_PUBLISHED = "none is needed: it asks for what is published, and brings nothing from your profile"

_STATES = {
    "queued": "was put in line",
    "sending": "sending began",
    "sent": "was sent",
    "failed": "failed; some of it may have left",
    "unsent": "was not sent",
    "cancelled": "was cancelled",
}


def page(view: View) -> Html:
    """Return the page."""
    return Html(_sums(view) + _entries(view) + _tasks(view) + _experiments(view))


def _sums(view: View) -> Html:
    ledger = view.parts.ledger
    try:
        ledger.verify()
        summary, totals = ledger.summary(), ledger.totals()
    except LedgerError as error:
        told = element("p", f"The ledger does not check out: {error}", class_="said wrong", role="alert")
        return section("ledger", "In sum", told)
    rows = [
        (
            purpose_name(each.purpose),
            f"{each.sent:,}",
            f"{each.possibly_sent:,}",
            f"{each.waiting:,}",
            f"{each.dropped:,}",
            each.epsilon_spent,
        )
        for each in totals
    ]
    heads = ("Purpose", "Sent", "Possibly sent", "Waiting", "Dropped", "ε taken, with what waits")
    sums = table("By purpose", heads, rows) if rows else NOTHING
    entries = ledger.entries()
    checked = (
        f"Checked just now: {len(entries):,} {'entry' if len(entries) == 1 else 'entries'}. Each continues the one "
        "before, so none between them was changed or left out."
    )
    epsilon = element("p", _EPSILON, class_="hint")
    proof = element("p", checked, class_="hint") if entries else NOTHING
    return section("ledger", "In sum", sums, proof, epsilon if entries else NOTHING, lead=summary)


def _entries(view: View) -> Html:
    entries = view.parts.ledger.entries()
    if not entries:
        return NOTHING
    shown = [_entry(view, entry) for entry in reversed(entries[-MOST_ENTRIES:])]
    caption = element("p", latest("The latest first", len(shown), len(entries)), class_="hint")
    return section("entries", "One by one", caption, element("ol", shown, class_="plain entries"))


def _entry(view: View, entry: EgressEntry) -> Html:
    facts = {
        "Purpose": purpose_name(entry.purpose),
        "Allowed by choice": str(entry.consent) if entry.consent else _PUBLISHED,
        "Bytes": f"{entry.size:,}",
        "ε taken, ε left": f"{entry.epsilon_spent}, {entry.epsilon_left}",
        "Note": entry.note,
        "SHA-256 of its content": entry.payload_sha256,
    }
    told = element("dl", [(element("dt", name), element("dd", value)) for name, value in facts.items() if value])
    payload = view.parts.ledger.payload(entry.sequence) if entry.state == "queued" else None
    words = element("p", f"What waits, as it would leave ({_cut(payload)}):"), element("pre", _readable(payload))
    waiting = words if payload is not None else NOTHING
    state = f"{_STATES.get(entry.state, entry.state)}, to {entry.destination}"
    head = element(
        "span",
        element("strong", entry.what),
        element("small", f"{entry.sequence}. ", time(float(entry.time)), f": {state}"),
    )
    return element("li", more(head, told, waiting))


def _cut(payload: bytes | None) -> str:
    size = len(payload or b"")
    return f"the first {MOST_BYTES} of {size:,} bytes" if size > MOST_BYTES else f"{size:,} bytes"


def _readable(payload: bytes | None) -> str:
    head = (payload or b"")[:MOST_BYTES]
    try:
        text = head.decode()
    except UnicodeDecodeError:
        return head.hex(" ")
    return text if text.isprintable() else head.hex(" ")


def _tasks(view: View) -> Html:
    tasks = view.parts.contributions.tasks()
    words = (
        "The application has told of no task so far."
        if view.parts.contributions.is_on
        else "This application collects no sums over many people from here."
    )
    shown = element("ul", [_task(task) for task in tasks], class_="plain") if tasks else element("p", words)
    return section("tasks", "What this device takes part in", shown)


def _task(task: TaskView) -> Html:
    who = f"A report goes in two sealed halves to {task.leader} and {task.helper}, of whom neither can read it alone."
    return element(
        "li",
        element("h3", task.name),
        element("p", str(task)),
        element("p", task.description, class_="hint"),
        element("p", who, class_="hint") if not task.development else NOTHING,
        element("p", "Due ", time(task.due), class_="hint") if task.due is not None else NOTHING,
        class_="card",
    )


def _experiments(view: View) -> Html:
    running = view.parts.experiments.running()
    shown = (
        element("ul", [_running(each) for each in running], class_="plain")
        if running
        else element("p", "You are in none now.")
    )
    leave = view.form("experiments", button("Take part in none", "quiet-button"), back=BACK, on="off")
    join = view.form("experiments", button("Take part again", "quiet-button"), back=BACK, on="on")
    lead = "Where ways of choosing are compared: which one you meet, and what was counted of it on this device."
    return section("experiments", "Experiments", shown, element("div", leave, join, class_="row"), lead=lead)


def _running(each: Running) -> Html:
    counts = [element("li", f"{name}: {number:,}") for name, number in each.counted.items()]
    return element(
        "li",
        element("h3", each.name),
        element("p", each.text),
        element("p", f"Your variant is {each.variant}: {each.variant_text}"),
        more("What was counted so far", element("ul", counts)) if counts else NOTHING,
        element("p", "Until ", time(each.ends), class_="hint"),
        class_="card",
    )
