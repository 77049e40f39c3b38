"""What an audit bundle holds of the generated documents, as ``homespun-server document --format json`` makes them."""

import hashlib
from collections.abc import Iterator, Mapping

from homespun_server.compliance.audit.contents import DOCUMENTS
from homespun_server.compliance.documents import making
from homespun_server.compliance.documents.gathering import gather
from homespun_server.compliance.documents.rendering import as_json
from homespun_server.errors import NotRegisteredError
from homespun_server.settings import ServerSettings
from homespun_server.store import Store


def documents(settings: ServerSettings, store: Store) -> dict[str, bytes]:
    """Return every document that can be made; none where the settings do not say who decides about the processing.

    Args:
        settings: The working directory's settings.
        store: Its store.

    Raises:
        BundleError: The bundle in production is damaged.
    """
    if settings.compliance.controller is None:
        return {}
    gathered, found = gather(settings, store), {}
    for kind, make in making.DOCUMENTS.items():
        try:
            found[f"{DOCUMENTS}{kind}.json"] = as_json(make(gathered))
        except NotRegisteredError:
            # Without a bundle in production there are no parameters to tell of; the check says what is not there.
            continue
    return found


def fixed(members: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    """Yield what the log commits to of every document."""
    for name, raw in members.items():
        kind = name.removeprefix(DOCUMENTS).removesuffix(".json")
        yield {"what": "document", "kind": kind, "sha256": hashlib.sha256(raw).hexdigest()}
