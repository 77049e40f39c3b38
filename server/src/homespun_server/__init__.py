"""homespun-server: from a table of interactions to a bundle that devices run, with stated privacy.

The public names are loaded when they are first asked for: what trains takes seconds to import, and an
error class or a version should not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from homespun_server._version import __version__

if TYPE_CHECKING:
    from homespun_server.accounts import Account, open_ledger
    from homespun_server.learning import FitOptions
    from homespun_server.pipeline import fit, fit_content
    from homespun_server.privacy.kept import keep, kept
    from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
    from homespun_server.privacy.release import release
    from homespun_server.refreshing import refresh
    from homespun_server.results import Fitted
    from homespun_server.statistics.cohort import Cohort, windows_of
    from homespun_server.statistics.columns import InteractionColumns, ItemColumns
    from homespun_server.statistics.interactions import Interactions
    from homespun_server.statistics.items import Items
    from homespun_server.statistics.population import Population
    from homespun_server.statistics.sums import sum_over_people

__all__ = [
    "Account",
    "BudgetLedger",
    "BudgetPolicy",
    "Cohort",
    "FitOptions",
    "Fitted",
    "InteractionColumns",
    "Interactions",
    "ItemColumns",
    "Items",
    "Population",
    "__version__",
    "fit",
    "fit_content",
    "keep",
    "kept",
    "open_ledger",
    "refresh",
    "release",
    "sum_over_people",
    "windows_of",
]

_HOMES = {
    "Account": "accounts",
    "BudgetLedger": "privacy.ledger",
    "BudgetPolicy": "privacy.ledger",
    "Cohort": "statistics.cohort",
    "FitOptions": "learning",
    "Fitted": "results",
    "InteractionColumns": "statistics.columns",
    "Interactions": "statistics.interactions",
    "ItemColumns": "statistics.columns",
    "Items": "statistics.items",
    "Population": "statistics.population",
    "fit": "pipeline",
    "fit_content": "pipeline",
    "keep": "privacy.kept",
    "kept": "privacy.kept",
    "open_ledger": "accounts",
    "refresh": "refreshing",
    "release": "privacy.release",
    "sum_over_people": "statistics.sums",
    "windows_of": "statistics.cohort",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
