"""Style sheets and scripts: read once, named after their content, so that a browser may keep them for a year.

Of others there are htmx and uPlot, as their packages have them, with their licences beside them in ``static/vendor``.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

FOREVER = "public, max-age=31536000, immutable"

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
"""Media types; the framework adds the encoding of texts, which is UTF-8."""

NAMES = {
    "console.css": "console.css",
    "console.js": "console.js",
    "charts.js": "charts.js",
    "mark.svg": "mark.svg",
    "htmx.js": "vendor/htmx/htmx.min.js",
    "uplot.js": "vendor/uplot/uPlot.iife.min.js",
    "uplot.css": "vendor/uplot/uPlot.min.css",
}
"""What pages ask for, and the file that it is."""


@dataclass(frozen=True)
class Asset:
    """A file for browsers.

    Attributes:
        content: Its bytes.
        media_type: Its media type.
        mark: The beginning of its SHA-256, which is part of its address.
    """

    content: bytes
    media_type: str
    mark: str


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by name."""
    return {name: _read(name, path) for name, path in NAMES.items()}


def address(name: str) -> str:
    """Return where a page finds an asset."""
    return f"/console/static/{assets()[name].mark}/{name}"


def _read(name: str, path: str) -> Asset:
    content = files("homespun_server.console").joinpath("static", *path.split("/")).read_bytes()
    return Asset(content, _TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:16])
