"""The page ``Take or erase``: everything as a file, erasing a part or all of it, and the receipts."""

from collections.abc import Sequence

from homespun.console.markup import NOTHING, Html, element
from homespun.console.view import View, button, section
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt

BACK = "yours"

MOST_ITEMS = 200
"""Items that are offered by name when a part is erased."""


def page(view: View) -> Html:
    """Return the page."""
    return Html(_receipts(view) + _take(view) + _part(view) + _all(view))


def _take(view: View) -> Html:
    form = view.form_as(
        "export",
        "stack card",
        element("label", "A passphrase, to seal it (optional)", for_="export-passphrase"),
        element("input", type="text", name="username", autocomplete="username", hidden=True),
        element("input", type="password", id="export-passphrase", name="passphrase", autocomplete="new-password"),
        element("p", "Without one, whoever gets hold of the file can read it.", class_="hint"),
        element("div", button("Download everything", "primary"), class_="row"),
        back=BACK,
    )
    lead = (
        "One file with what is known, inferred, set and allowed, and the ledger of what left: to read, and to take to "
        "another device."
    )
    return section("export", "Take it along", form, lead=lead)


def _part(view: View) -> Html:
    events = view.parts.events()
    kinds = sorted({event.kind for event in events})
    form = view.form_as(
        "erase",
        "stack card",
        element("label", "About one item", for_="erase-item"),
        _items(view, events),
        element("label", "One kind of what you did", for_="erase-kind"),
        element(
            "select",
            element("option", "every kind", value=""),
            [element("option", kind, value=kind) for kind in kinds],
            id="erase-kind",
            name="kind",
        ),
        element("label", "From the beginning of", for_="erase-from"),
        element("input", type="date", id="erase-from", name="from"),
        element("label", "Until before", for_="erase-until"),
        element("input", type="date", id="erase-until", name="until"),
        element("label", "About everything tagged", for_="erase-tag"),
        element("input", id="erase-tag", name="tag", autocomplete="off"),
        element("div", button("Erase this part", "danger"), class_="row"),
        back=BACK,
        what="part",
    )
    lead = (
        "What fits everything that you name is erased, with what was derived from it; the receipt says how. Days are "
        "those of UTC."
    )
    return section("part", "Erase a part", form, lead=lead)


def _items(view: View, events: Sequence[Event]) -> Html:
    """Return the choice of an item: those of what was done lately, of what was set, and the one that was asked for."""
    wanted, steering = view.query.get("item", ""), view.parts.controls.current()
    done = dict.fromkeys(event.item for event in reversed(events))
    set_of = sorted(steering.hidden_items | steering.more_like | steering.less_like | steering.ignored_items)
    items = [*dict.fromkeys([*([wanted] if wanted else []), *set_of, *done])][:MOST_ITEMS]
    titles = view.titles(items)
    named = sorted(((titles.get(item, item), item) for item in items), key=lambda each: each[0].casefold())
    options = [element("option", title, value=item, selected=item == wanted) for title, item in named]
    return element("select", element("option", "every item", value=""), options, id="erase-item", name="item")


def _all(view: View) -> Html:
    form = view.form_as(
        "erase",
        "sure card",
        element(
            "label", element("input", type="checkbox", name="sure", value="on", required=True), " Yes, erase everything"
        ),
        button("Erase everything", "danger"),
        back=BACK,
        what="everything",
    )
    lead = (
        "The whole profile, its keys first. What you allowed ends with it. A copy from before is erased when it is "
        "opened on this device; the receipt names what no program can vouch for, such as copies elsewhere."
    )
    return section("all", "Erase everything", form, lead=lead)


def _receipts(view: View) -> Html:
    receipts = list(enumerate(view.session.receipts))
    if not receipts:
        return NOTHING
    shown = [_receipt(number, receipt) for number, receipt in reversed(receipts)]
    lead = (
        "Signed receipts of what was erased. This page shows them until it is closed: download what you want to keep."
    )
    return section("receipts", "Receipts", element("div", shown, class_="cards"), lead=lead)


def _receipt(number: int, receipt: Receipt) -> Html:
    address = f"receipt?number={number}"
    load = element("a", "Download the receipt", href=address, class_="button", download="receipt.json")
    return element("div", element("pre", str(receipt)), element("div", load, class_="row"), class_="card receipt")
