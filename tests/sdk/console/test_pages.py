"""What stands on a page that should not, or does not and should: markup from elsewhere, too much of it, or a lie."""

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import homespun as hs
from homespun.console.markup import element, markup
from homespun.console.pages import why
from homespun.errors import BudgetError, MisuseError
from tests.sdk.console.visiting import NOTICE, PAGES, Page, Visitor, every
from tests.sdk.people import BOTH, CONTRIBUTION, Machine, queue

MOST_BYTES = 200_000

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></script><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;b&gt;&#x3C;i&#x3E;",
    "<!-- --><![CDATA[",
    "{{7*7}}${7*7}",
    "\u202eevil",
)
texts = st.one_of(
    st.sampled_from(NASTY), st.text(min_size=1, max_size=40), st.builds(str.__add__, *[st.sampled_from(NASTY)] * 2)
)

OWN = {
    "a", "article", "body", "button", "datalist", "dd", "details", "div", "dl", "dt", "footer", "form", "h1", "h2",
    "h3", "head", "header", "html", "input", "label", "li", "link", "main", "meta", "nav", "ol", "option", "output",
    "p", "pre", "rect", "script", "section", "select", "small", "span", "strong", "summary", "svg", "table", "tbody",
    "td", "tfoot", "th", "thead", "time", "title", "tr", "ul", "caption",
}  # fmt: skip
"""Elements that the pages are made of."""


@pytest.fixture(scope="module")
def shared(bundle: hs.Bundle) -> Iterator[tuple[hs.Personalizer, Visitor]]:
    with (
        hs.Personalizer.open(
            None, key=hs.Key.ephemeral(), bundle=bundle, settings=hs.Settings(attributes=("language",))
        ) as me,
        Visitor(me.console.url()) as visitor,
    ):
        me.consent.grant(*BOTH, notice=NOTICE)
        for item in ("item-3", "item-8", "item-21"):
            me.record(item, "rate", weight=9.0)
        yield me, visitor


@example('"><script>x</script>', "<img src=x onerror=x>", "'\" autofocus onfocus=x a='", "</pre></option></main>")
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # what fails does so on its first try, and pages are slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(title=texts, tag=texts, words=texts, event=texts)
def test_a_text_from_elsewhere_becomes_markup(
    shared: tuple[hs.Personalizer, Visitor], bundle: hs.Bundle, title: str, tag: str, words: str, event: str
) -> None:
    me, visitor = shared
    try:
        me.items.update([{"id": item, "title": title, "tags": [tag]} for item in bundle.items])
        me.controls.hide_tag(tag)
        me.controls.hide_tag(tag, on=False)
        me.controls.set_interest(tag, 0.5)
        me.attributes.set("language", words)
        me.console.url(notice=hs.Notice(words))
        me.record(event, "rate", weight=9.0)
    except MisuseError:
        pass
    listed = me.recommend(1)[0]
    assert listed.title.isprintable() is False or listed.title in visitor.read().text or "  " in title
    for page in (*PAGES, visitor.why(listed.item), "list"):
        answer = visitor.get(page)
        assert answer.status == 200, (page, answer.data)
        told = Page(answer.data.decode())
        for name, attributes in told.tags:
            assert name in OWN, (page, name)
            assert not [each for each in attributes if each.startswith("on") or each == "style"], attributes
            assert not re.match(r"(?i)\s*(javascript|data):", attributes.get("href") or "")
        assert [each.get("src") for each in every(told, "script")] == ([] if page == "list" else ["console.js"])
    me.controls.undo()


@given(texts, texts)
def test_an_element_holds_more_than_it_was_given(value: str, child: str) -> None:
    found = Page(element("p", child, title=value))
    assert [name for name, _ in found.tags if name != "span"] == ["p"]
    assert found.tags[0][1].keys() == {"title"}
    # Carriage returns and the like are not kept apart by HTML; all else is what it was.
    assert (found.tags[0][1]["title"] or "") == value or not value.isprintable()
    if child.isprintable():
        assert "".join(found.words) == child


def test_markup_is_escaped_twice_or_never() -> None:
    inner = element("b", "<&>")
    assert inner == "<b>&lt;&amp;&gt;</b>"
    assert markup([inner, None, "<"]) == f"{inner}&lt;"
    assert (
        element("input", disabled=True, value=None, checked=False, aria_label='"')
        == '<input disabled aria-label="&quot;">'
    )


def test_a_page_is_larger_than_it_may_be(machine: Machine) -> None:
    words = hs.Notice("ü & <b>\n" * 700, version="long")
    with machine.allowed(*hs.Purpose) as me, Visitor(me.console.url(notice=words)) as visitor:
        me.consent.withdraw(hs.Purpose.MEASUREMENT)
        named = {item: f"{item} {'long title & ' * 35}" for item in machine.bundle.items}
        tags = {item: [f"{'tag ' * 20}{number}", f"genre {number}"] for number, item in enumerate(named)}
        me.items.update([{"id": item, "title": title, "tags": tags[item]} for item, title in named.items()])
        me.record_many([hs.Event(f"item-{n % 30}", "rate", 1.7e9 - n, 9.0) for n in range(800)])
        for number in range(80):
            me.controls.hide_item(f"item-{number % 9}", on=number % 2 == 0)
            with suppress(BudgetError):
                queue(me, bytes([number]) * 900, epsilon=0)
        sizes = {
            page: len(visitor.get(page).data) for page in (*PAGES, visitor.why(me.recommend(1)[0].item), "console.css")
        }
        assert max(sizes.values()) < MOST_BYTES, sizes
        assert sizes["left"] > 20_000


def test_a_notice_that_cannot_be_shown_whole_is_agreed_to(me: hs.Personalizer, visitor: Visitor) -> None:
    long = hs.Notice("word " * 5000)
    me.console.url(notice=long)
    page = visitor.read("choices")
    assert [
        form.fields["purpose"] for form in page.forms if form.action == "do/consent" and form.fields["on"] == "on"
    ] == []
    fields = {"csrf": page.forms[0].fields["csrf"], "purpose": "measurement", "on": "on", "notice": long.sha256}
    visitor.post("do/consent", fields)
    assert not me.consent.granted(hs.Purpose.MEASUREMENT)


def test_a_page_fetches_something_from_elsewhere(visitor: Visitor, me: hs.Personalizer) -> None:
    for page in (*PAGES, visitor.why(me.recommend(1)[0].item)):
        for _, attributes in visitor.read(page).tags:
            for name in ("href", "src", "action", "formaction", "poster", "srcset"):
                assert not re.match(r"(?i)[a-z]+:|//", attributes.get(name) or ""), attributes


def test_parts_of_a_score_do_not_add_up_on_the_page(me: hs.Personalizer, visitor: Visitor) -> None:
    first = me.recommend(1)[0]
    told = me.explain(first)
    page = visitor.read(visitor.why(first.item))
    shown = [float(word) for word in page.words if re.fullmatch(r"[+-]\d+\.\d{4}", word)]
    parts = [value for value in shown if abs(value - told.score) > 5e-5]
    below = next((i for i, word in enumerate(page.words) if "more part" in word), None)
    assert shown
    assert f"{told.score:+.4f}" in page.words
    assert (f"{told.residual:+.1e}" if told.residual else "0") in page.words
    assert "+0.0e+00" not in page.words
    if below is None:
        assert sum(parts) == pytest.approx(told.score, abs=1e-3)
    for part in told.attributions[:5]:
        assert any(why.label(part) in word for word in page.words), part.label


def test_an_item_that_is_not_listed_or_unknown_breaks_the_page(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.hide_item("item-5")
    assert "not in your list now" in visitor.read(visitor.why("item-5")).text
    assert visitor.get(visitor.why("no such item")).status == 404
    assert visitor.get("why").status == 404


def test_what_waits_to_leave_cannot_be_read(machine: Machine) -> None:
    with machine.allowed(*BOTH, CONTRIBUTION) as me, Visitor(me.console.url()) as visitor:
        assert "Nothing has left the profile that is here now" in visitor.read("left").text
        queue(me, b"a sum that can be read")
        queue(me, bytes(range(256)))
        text = visitor.read("left").text
        assert "a sum that can be read" in text
        assert "00 01 02 03" in text
        assert "Checked just now" in text
        assert me.ledger.totals()[0].epsilon_spent in text


def test_a_ledger_that_was_tampered_with_is_vouched_for(
    me: hs.Personalizer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise hs.errors.LedgerError("Entry 3 is not what it was.")

    monkeypatch.setattr(type(me.ledger), "verify", refuse)
    page = visitor.read("left")
    assert "Entry 3 is not what it was." in page.text
    assert "Checked just now" not in page.text


def test_a_control_has_no_name_to_be_read_out(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.set_interest("tag-1", 0.5)
    for page in (*PAGES, visitor.why(me.recommend(1)[0].item)):
        told = visitor.read(page)
        names = {each["for"] for each in every(told, "label") if each.get("for")}
        for field in (*every(told, "input"), *every(told, "select")):
            if field.get("type") not in {"hidden", "checkbox"} and "hidden" not in field:
                assert field.get("id") in names, field
        ids = [each["id"] for _, each in told.tags if each.get("id")]
        assert len(ids) == len(set(ids))
        assert [name for name, _ in told.tags if name in {"main", "h1", "nav"}] == ["nav", "main", "h1"]
        assert {each.get("aria-checked") for each in every(told, "button") if each.get("role") == "switch"} <= {
            "true",
            "false",
        }
