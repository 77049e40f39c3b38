"""Makes pages from templates: escaped, strict, and one frame around all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

from homespun_server.api.roles import Action, may
from homespun_server.console.assets import address
from homespun_server.console.sessions import Visitor
from homespun_server.console.words import FILTERS

MEDIA_TYPE = "text/html"
"""The framework adds the encoding, which is UTF-8."""

Page = Response[str]


@dataclass(frozen=True)
class Place:
    """An entry of the menu.

    Attributes:
        name: Which; pages name theirs.
        title: What people read.
        path: Where it is.
        action: What a role must be able to do to see it.
        needs: ``compliance`` if it is there only with compliance keys.
    """

    name: str
    title: str
    path: str
    action: Action = "read"
    needs: Literal["", "compliance"] = ""


@dataclass(frozen=True)
class Section:
    """Entries of the menu under one heading."""

    title: str
    places: tuple[Place, ...]


class Renderer:
    """Makes pages. Safe to use from several threads at once."""

    def __init__(self, application: str, sections: tuple[Section, ...]) -> None:
        """Make ready.

        Args:
            application: Whose console it is.
            sections: The menu.
        """
        self._sections = sections
        self._environment = Environment(
            loader=PackageLoader("homespun_server.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(asset=address, application=application, may=may)

    def page(
        self, template: str, visitor: Visitor | None, *, status: int = 200, place: str = "", **values: object
    ) -> Page:
        """Return a page.

        Args:
            template: Its name, without ``.html.j2``.
            visitor: Who sees it; None: nobody is signed in.
            status: The status.
            place: Which entry of the menu it belongs to.
            values: What the template shows.
        """
        frame: Mapping[str, object] = {"visitor": visitor, "place": place, "menu": self._menu(visitor)}
        text = self._environment.get_template(f"{template}.html.j2").render({**frame, **values})
        return Response(text, status_code=status, media_type=MEDIA_TYPE)

    def _menu(self, visitor: Visitor | None) -> tuple[Section, ...]:
        if visitor is None:
            return ()
        shown = (
            Section(section.title, tuple(place for place in section.places if may(visitor.role, place.action)))
            for section in self._sections
        )
        return tuple(section for section in shown if section.places)
