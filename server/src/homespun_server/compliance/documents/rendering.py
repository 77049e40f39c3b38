"""Draws documents: as a page, as Markdown, as a PDF, or as JSON.

Texts are data in all of them. The page's template escapes them, Markdown's escapes what Markdown would read, and the
PDF's reads them from JSON, so that they are never parsed as typst. Control characters are replaced, as none belongs
into a document and several would turn lines around.

The page has no script and fetches nothing, which its content security policy makes sure of; the PDF is set with the
fonts that come with typst, with no network and no date, so that the same document gives the same bytes.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec
import typst
from jinja2 import Environment, PackageLoader, StrictUndefined

from homespun.protocol.bundle import CONTROL_CHARACTERS
from homespun.protocol.read_only import ReadOnlyDict
from homespun_server.compliance.documents.blocks import Document
from homespun_server.errors import OutputError

_PACKAGE = "homespun_server.compliance.documents"

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$&!])|^(\s*)([-+]|\d+[.)])(?=\s)", re.MULTILINE)
_HIDDEN = re.compile(f"{CONTROL_CHARACTERS.pattern}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What is not seen, or turns the order of letters around."""

_WIDTH = 320
"""Units of a bar's drawing; the page scales it."""


def as_json(document: Document) -> bytes:
    """Return the document as JSON, one value a line."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def as_page(document: Document) -> bytes:
    """Return the document as one page in UTF-8, for the screen and for paper."""
    environment = _environment(autoescape=True)
    style = environment.get_template("document.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template("document.html.j2").render(
        document=_clean(document), style=style, digest=digest, width=_WIDTH
    )
    return page.encode()


def as_markdown(document: Document) -> bytes:
    """Return the document as Markdown in UTF-8, for somebody who goes on writing."""
    environment = _environment(autoescape=False)
    environment.filters |= {"escaped": _escaped, "cell": _cell}
    return environment.get_template("document.md.j2").render(document=_clean(document)).encode()


def as_pdf(document: Document) -> bytes:
    """Return the document as a PDF.

    Raises:
        OutputError: It cannot be set.
    """
    return typeset(document, "pdf")[0]


def typeset(document: Document, form: Literal["pdf", "png"]) -> list[bytes]:
    """Return the document as typst sets it: the PDF, or one picture a page.

    Raises:
        OutputError: It cannot be set.
    """
    template = files(_PACKAGE).joinpath("templates/document.typ").read_bytes()
    inputs = {"document": msgspec.json.encode(_clean(document)).decode()}
    try:
        made = typst.compile(template, format=form, font_paths=_fonts(), sys_inputs=inputs)
    except RuntimeError as error:
        raise OutputError(f"the document {document.title!r} cannot be set as a PDF: {error}. Take the page.") from error
    return [page for page in (made if isinstance(made, list) else [made]) if page is not None]


FORMATS: Final[Mapping[str, Callable[[Document], bytes]]] = ReadOnlyDict(
    {"html": as_page, "md": as_markdown, "pdf": as_pdf, "json": as_json}
)
"""What makes a file of a document, by the name of its format."""


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=autoescape,  # noqa: S701 - Markdown is no HTML, and has a filter of its own on every text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """Return the fonts that come with typst and no others: a machine's own would change the bytes."""
    return typst.Fonts(include_system_fonts=False)


def _clean(document: Document) -> dict[str, Any]:
    """Return the document as JSON has it, without control characters."""
    found: dict[str, Any] = _replaced(msgspec.to_builtins(document))
    return found


def _replaced(value: Any) -> Any:
    match value:
        case str():
            return "\n".join(_HIDDEN.sub("\N{REPLACEMENT CHARACTER}", line) for line in value.split("\n"))
        case dict():
            return {key: _replaced(each) for key, each in value.items()}
        case list() | tuple():
            return [_replaced(each) for each in value]
        case _:
            return value


def _escaped(text: str) -> str:
    """Return a text so that Markdown shows it as it is, on one line."""
    joined = " ".join(text.split())
    return _MARKDOWN.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", joined)


def _cell(value: str | list[str]) -> str:
    """Return what a table's cell says; Markdown has no lists there, so that points stand on lines of their own."""
    return _escaped(value) if isinstance(value, str) else "<br>".join(map(_escaped, value))
