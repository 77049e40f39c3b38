"""What somebody else wrote becomes no markup, script or program in any format; the same document is the same bytes."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun_server.compliance.documents.blocks import (
    Bars,
    Block,
    Document,
    Facts,
    Fill,
    Heading,
    Items,
    Language,
    Rows,
    Source,
    Text,
    fields_of,
    points,
)
from homespun_server.compliance.documents.rendering import FORMATS, _clean, as_markdown, as_page, as_pdf, typeset

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '#panic("read") #read("/etc/passwd") $ sum $ *bold* _it_ @ref <label> = Heading \\',
    "{{ 7 * 7 }} {% raw %}",
    "| a | b |\n# Heading\n- point [link](javascript:alert(1)) `code`",
)


def document(*blocks: Block, text: str = "plain") -> Document:
    return Document(
        kind="test",
        title=text,
        subtitle=text,
        controller=text,
        blocks=blocks or every(text),
        sources=(Source(text, "ab" * 32),),
        disclaimer=text,
    )


def every(text: str) -> tuple[Block, ...]:
    """Return a block of each kind with a text everywhere."""
    return (
        Heading(text),
        Heading(text, 3),
        *(Text(text, manner) for manner in ("plain", "lead", "soft", "warning")),
        Facts(((text, text), (text, (text, text)))),
        Facts(((text, text),), exact=True),
        Rows((text, text), ((text, text), (text, (text, text))), text, (1,), (1, 2)),
        Items((text,)),
        Fill(text, text),
        Fill(text, (text, text)),
        Bars(((text, 0.5, text),), text),
        Language("de"),
        Text(text),
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def tags(page: bytes) -> Tags:
    found = Tags()
    found.feed(page.decode())
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_becomes_part_of_the_page(text: str) -> None:
    hostile, plain = tags(as_page(document(text=text))), tags(as_page(document()))
    assert hostile.seen == plain.seen
    assert hostile.texts.count(text) == plain.texts.count("plain")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_run_or_set_as_typst(text: str) -> None:
    template = files("homespun_server.compliance.documents").joinpath("templates/document.typ").read_bytes()
    inputs = {"document": msgspec.json.encode(_clean(document(text=text))).decode()}
    headings = msgspec.json.decode(typst.query(template, "heading", field="body", sys_inputs=inputs))
    told = [body["text"].replace("\u200b", "") for body in headings]
    assert told == [text, text]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_becomes_markdown(text: str) -> None:
    told = as_markdown(document(text=text)).decode()
    shape = re.compile(r"^(#+ |> -? ?| *- |\|)", re.MULTILINE)
    plain = as_markdown(document()).decode()
    assert shape.findall(told) == shape.findall(plain)
    assert told.count("<br>") == plain.count("<br>") == 1
    assert not re.search(r"(?<!\\)[<`](?!ab)", re.sub("`ab|ab`|<br>", "", told))


def test_points_run_into_one_sentence() -> None:
    several = ("first", "second")
    made = document(Facts((("name", several),)), Fill("what", several), Rows(("column",), ((several,),)))
    told = as_markdown(made).decode()
    assert "- **name:**\n  - first\n  - second\n" in told
    assert "> **For the controller to fill in:** what\n>\n> - first\n> - second\n\n" in told
    assert "| first<br>second |\n" in told
    assert [tag for tag, _ in tags(as_page(made)).seen].count("li") == 7  # with the source
    assert points(["one", "one"]) == "one"


@given(st.text(max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_text_breaks_a_format(text: str) -> None:
    for draw in FORMATS.values():
        assert draw(document(text=text)) == draw(document(text=text))


def test_letters_are_turned_around_or_hidden() -> None:
    for name, draw in FORMATS.items():
        if name in {"html", "md"}:
            told = draw(document(text="safe\u202egnp.exe\x1b[31m")).decode()
            assert "\u202e" not in told
            assert "\x1b" not in told


def test_the_page_fetches_or_runs_something() -> None:
    page = as_page(document()).decode()
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:", page)
    assert "style=" not in page


def test_what_only_the_controller_knows_is_not_marked() -> None:
    made = document(Fill("the balancing test", "write why"))
    assert [field.what for field in fields_of(made)] == ["the balancing test"]
    for name in ("html", "md"):
        assert "For the controller to fill in" in FORMATS[name](made).decode()


def test_the_pdf_is_none_or_has_no_pages() -> None:
    assert as_pdf(document()).startswith(b"%PDF-")
    pages = typeset(document(*every("a text ") * 30), "png")
    assert len(pages) > 1
    assert all(page.startswith(b"\x89PNG") for page in pages)
