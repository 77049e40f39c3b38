"""The record of changes, latest first, a page at a time."""

from dataclasses import dataclass

from homespun_server.api.services import Services
from homespun_server.store.audit import Entry

PAGE = 50


@dataclass(frozen=True)
class ChangesView:
    """Changes.

    Attributes:
        entries: Latest first.
        before: Ask with this for earlier ones; None: there are none.
    """

    entries: tuple[Entry, ...]
    before: int | None


def changes(services: Services, before: int | None = None) -> ChangesView:
    """Return changes.

    Args:
        services: The services.
        before: Only those with a smaller sequence; None: from the latest on.

    Raises:
        StoreError: If the store cannot be read.
    """
    found = services.audit.latest(before=before, limit=PAGE + 1)
    more = len(found) > PAGE
    return ChangesView(found[:PAGE], found[PAGE - 1].sequence if more else None)
