"""homespun-server: from a table of interactions to a bundle that devices run, with stated privacy.

The public names are loaded when they are first asked for: what trains takes seconds to import, and an
error class or a version should not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from homespun_server._version import __version__

if TYPE_CHECKING:
    from homespun_server.learning import FitOptions
    from homespun_server.pipeline import Fitted, fit, fit_content
    from homespun_server.statistics.columns import InteractionColumns, ItemColumns
    from homespun_server.statistics.interactions import Interactions
    from homespun_server.statistics.items import Items

__all__ = [
    "FitOptions",
    "Fitted",
    "InteractionColumns",
    "Interactions",
    "ItemColumns",
    "Items",
    "__version__",
    "fit",
    "fit_content",
]

_HOMES = {
    "FitOptions": "learning",
    "Fitted": "pipeline",
    "InteractionColumns": "statistics.columns",
    "Interactions": "statistics.interactions",
    "ItemColumns": "statistics.columns",
    "Items": "statistics.items",
    "fit": "pipeline",
    "fit_content": "pipeline",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
