"""HTML from values: text is escaped wherever it stands, and only what these functions made is markup.

Pure: values in, markup out. What may be seen of a text is said in ``homespun.person.export.markup``.
"""

import html
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlencode

from homespun.person.export.markup import text

LONGEST_TEXT = 8_000
"""Characters of a text that are shown; what is longer is cut where it stands."""

_VOID: Final = frozenset({"input", "link", "meta"})


class Html(str):
    """Markup that is done: it is not escaped again."""

    __slots__ = ()


NOTHING: Final = Html()

Child = str | Iterable["Child"] | None
"""What stands in an element: markup, text that is escaped, several of these, or nothing."""

Value = str | int | float | bool | None
"""An attribute's value; True is one without value, None and False are none."""


def markup(child: Child) -> Html:
    """Return a child as markup."""
    if child is None:
        return NOTHING
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return Html(text(child, LONGEST_TEXT))
    return Html("".join(map(markup, child)))


def element(name: str, /, *children: Child, **attributes: Value) -> Html:
    """Return an element.

    Args:
        name: Its name; never from elsewhere than the source.
        children: What stands in it.
        attributes: Its attributes; ``class_`` for a word of Python's, ``aria_label`` for ``aria-label``.
    """
    written = "".join(_attribute(key.strip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{markup(children)}</{name}>")


def address(page: str, /, **query: str) -> str:
    """Return the address of a page, with a query."""
    path = quote(page, safe="")
    return f"{path}?{urlencode(query)}" if query else path or "./"


def _attribute(name: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
