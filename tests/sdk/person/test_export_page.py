import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from homespun.person.export import Contents, Section, markup, write_export
from homespun.protocol.events import Event
from tests.sdk.person.export_contents import DECISIONS, TITLES, exported, many, members

MARKUP = '</td></table><script>alert(1)</script><img src=x onerror="alert(1)">&amp;'
UNSEEN = "safe\u202egpj.exe\x00\x1b[2J\u2066\ue000"


class Reader(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        in_code = self.open[-1:] == ["span"] and data.startswith("U+")
        self.words.append(chr(int(f"0x{data[2:]}", 0)) if in_code else data)

    def values(self, tag: str, name: str) -> list[str | None]:
        return [value for its, called, value in self.attributes if (its, called) == (tag, name)]


def page_of(folder: Path, **changes: Any) -> str:
    return members(exported(folder, changes=changes))["index.html"].decode()


def attacked(folder: Path, text: str) -> str:
    rows = [{"text": text, text: {"deep": [text, {text: text}]}}]
    extra = [Section(name="other", category="inferred", description=text, title=text, rows=rows)]
    return page_of(
        folder,
        titles={"film-1": text, "映画-2": text},
        attributes={text: [text]} if text.isprintable() else {},
        extra=extra,
    )


def test_markup_in_a_title_becomes_markup_of_the_page(tmp_path: Path) -> None:
    reader = Reader(attacked(tmp_path, MARKUP))
    assert reader.open == []
    assert not {"script", "img", "iframe", "object", "link", "form"} & set(reader.tags)
    assert not [name for _, name, _ in reader.attributes if name.startswith("on") or name == "style"]
    assert MARKUP in reader.words


def test_invisible_characters_change_what_is_seen(tmp_path: Path) -> None:
    page = attacked(tmp_path, UNSEEN)
    assert not [character for character in page if character in "\x00\x1b\u202e\u2066\ue000"]
    for code in ("U+202E", "U+0000", "U+001B", "U+2066", "U+E000"):
        assert f'<span class="code">{code}</span>' in page
    assert "<span" not in "".join(str(value) for _, _, value in Reader(page).attributes)


@given(st.text())
def test_a_text_becomes_something_else_than_text(text: str) -> None:
    reader = Reader(f"<p>{markup.text(text)}</p>")
    assert set(reader.tags) <= {"p", "span"}
    assert reader.open == []
    assert "".join(reader.words) == text


def test_joiners_that_emoji_and_scripts_need_are_taken_for_attacks() -> None:
    for text in ("👩\u200d💻", "می\u200cخواهم", "two\nlines"):
        assert markup.text(text) == text


def test_the_page_fetches_or_runs_something(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    reader = Reader(page)
    assert set(reader.values("a", "href")) == {
        value for value in reader.values("a", "href") if value and re.fullmatch(r"#[a-z-]+|data/[a-z-]+\.json", value)
    }
    assert not [name for _, name, _ in reader.attributes if name in ("src", "srcset", "action", "background")]
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in str(reader.values("meta", "content"))


def test_the_style_is_not_the_one_that_the_policy_allows(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    match = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert match
    digest = base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page


def test_a_reader_of_screens_is_lost(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    reader = Reader(page)
    ids = reader.values("h2", "id")
    assert len(ids) == len(set(ids)) == 9
    assert reader.values("section", "aria-labelledby") == ids
    assert set(reader.values("div", "aria-labelledby")) <= set(ids)
    assert {f"#{name}" for name in ids} <= set(reader.values("a", "href"))
    assert reader.tags.count("table") == reader.tags.count("caption") == reader.tags.count("thead") > 0
    assert set(reader.values("th", "scope")) == {"col"}
    assert reader.values("html", "lang") == ["en"]
    assert reader.tags.count("h1") == reader.tags.count("main") == 1


def test_a_long_table_is_shown_in_full_or_cut_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    write_export(path, Contents(profile="", made=1.0, events=many(1000)))
    page = members(path)["index.html"].decode()
    assert len(page) < 100_000
    assert "The latest 200 of 1,000 entries, newest first. data/events.json has all of them." in page
    assert page.index("item-2<") < page.index("item-996<") < page.index("item-800<")
    assert "item-799<" not in page


def test_the_first_rows_of_a_long_table_are_cut(tmp_path: Path) -> None:
    rows = [{"name": f"row-{number}"} for number in range(300)]
    page = page_of(tmp_path, extra=[Section(name="other", category="provided", description="", rows=rows)])
    assert "The first 200 of 300 entries." in page
    assert "row-199<" in page
    assert "row-200<" not in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, '<time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00:00</time>'),
        ("1700000000.25", '<time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13:20</time>'),
        (1e300, "1e+300"),
        (-1.0, "-1"),
        ("soon", "soon"),
        (None, ""),
        (True, "yes"),
    ],
)
def test_a_time_is_shown_as_a_number_or_fails(value: Any, shown: str) -> None:
    assert markup.moment(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("0.30000000000000004", "0.3"), (1 / 3, "0.333333"), ("1" * 400, "1" * 400), ("<", "&lt;")]
)
def test_a_real_is_shown_with_all_its_digits(value: Any, shown: str) -> None:
    assert markup.real(value) == shown


def test_a_deep_or_long_value_floods_the_page() -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]
    assert "end" not in markup.cell(deep)
    assert "… and 92 more" in markup.cell(list(range(100)))
    assert "… and 92 more" in markup.brief([{"a": number} for number in range(100)])
    assert len(markup.cell("x" * 10_000)) == markup.LONGEST_TEXT + 1
    assert markup.cell([]) == markup.cell({}) == ""


def test_the_titles_that_are_known_are_not_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, events=[Event("a"), Event("b")], titles={"a": "Alpha"}, controls=(), decisions=())
    assert ">Alpha</td>" in page
    assert ">b</td>" in page


def test_a_list_is_not_one_line_with_its_titles_or_shows_everything(tmp_path: Path) -> None:
    page = page_of(tmp_path, titles={**TITLES, "film-77": "Alphaville"}, events=(), controls=())
    section = page[page.index('id="decisions"') :]
    table = section[section.index("<table>") : section.index("</table>")]
    assert table.count("<tr>") == 2
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", table)
    assert heads == ["When", "Where", "What was listed", "From your data"]
    assert "2023-11-14 22:13:20" in table
    assert "home &amp; &lt;garden&gt;" in table
    assert "<li>Solaris &lt;script&gt;alert(1)&lt;/script&gt;</li><li>Alphaville</li>" in table
    # The parts of the score are in the file alone.
    assert "long-term" not in section[: section.index("</section>")]


def test_a_long_list_floods_the_page(tmp_path: Path) -> None:
    (record,) = DECISIONS
    items = tuple(structs.replace(record.items[0], item=f"film-{number}") for number in range(60))
    page = page_of(tmp_path, decisions=[structs.replace(record, items=items)], titles={}, events=(), controls=())
    assert "<li>film-7</li><li>… and 52 more</li>" in page
