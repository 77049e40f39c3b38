"""The page ``Take or erase``: everything as a file, erasing a part or all of it, and the receipts."""

from homespun.console.markup import NOTHING, Html, element
from homespun.console.view import View, button, section
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
        element("input", type="password", id="export-passphrase", name="passphrase", autocomplete="new-password"),
        element("p", "Without one, whoever gets hold of the file can read it.", class_="hint"),
        element("div", button("Download everything", "primary"), class_="row"),
        back=BACK,
    )
    lead = "One file with all that is known, inferred, set, allowed and sent: to read, and to take to another device."
    return section("export", "Take it along", form, lead=lead)


def _part(view: View) -> Html:
    events = view.parts.events()
    kinds = sorted({event.kind for event in events})
    titles = view.titles(dict.fromkeys(event.item for event in reversed(events[-MOST_ITEMS:])))
    wanted = view.query.get("item", "")
    options = [element("option", title, value=item) for item, title in titles.items()]
    form = view.form_as(
        "erase",
        "stack card",
        element("label", "About one item, by its id", for_="erase-item"),
        element("input", id="erase-item", name="item", list="items-known", value=wanted, autocomplete="off"),
        element("datalist", options, id="items-known"),
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
    known = element("p", f"The item is {titles[wanted]}.", class_="hint") if wanted in titles else NOTHING
    lead = "What fits everything that you name is erased at once and for ever; days are those of UTC."
    return section("part", "Erase a part", known, form, lead=lead)


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
        "The keys are destroyed first. What you allowed ends with it, and a copy from before erases itself when it is "
        "opened."
    )
    return section("all", "Erase everything", form, lead=lead)


def _receipts(view: View) -> Html:
    receipts = list(enumerate(view.session.receipts))
    if not receipts:
        return NOTHING
    shown = [_receipt(number, receipt) for number, receipt in reversed(receipts)]
    lead = "Signed proof of what was erased. It is kept nowhere else: download it if you want to have it later."
    return section("receipts", "Receipts", element("div", shown, class_="cards"), lead=lead)


def _receipt(number: int, receipt: Receipt) -> Html:
    address = f"receipt?number={number}"
    load = element("a", "Download the receipt", href=address, class_="button", download="receipt.json")
    return element("div", element("pre", str(receipt)), element("div", load, class_="row"), class_="card receipt")
