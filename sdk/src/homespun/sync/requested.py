"""The list of requests to devices, as a channel signs it now: a target like tasks are, kept until there is another.

Every device that may be asked gets the whole list, at the same rhythm whatever is in it, so that getting it tells
nothing of what is asked.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from homespun.profile.files import make_folder, read_bounded
from homespun.protocol.asking.listing import MAX_LIST_BYTES, RequestList, list_path, parse_list
from homespun.sync.store import Store

if TYPE_CHECKING:
    from homespun.sync.repository import Repository

FOLDER: Final = "requests"
"""Where the list is kept, below the updates' folder."""

_NAME = "list.bin"


def request_list(repository: "Repository", store: Store, channel: str) -> RequestList | None:
    """Return a channel's list; None: it has none.

    Args:
        repository: The channel, its metadata refreshed.
        store: Where the list is kept.
        channel: The channel's name.

    Raises:
        StoppedError: The run ends.
        RepositoryError: The channel's metadata is not what it should be.
        AskingError: The list is malformed.
        TransportError: Nobody answers.
        OSError: The disk refuses.
    """
    make_folder(store.folder / FOLDER)
    path = store.folder / FOLDER / _NAME

    def kept(sha256: str, download: Callable[[], bytes]) -> bytes:
        try:
            raw = read_bounded(path, MAX_LIST_BYTES)
        except OSError:
            raw = b""
        if hashlib.sha256(raw).hexdigest() == sha256:
            return raw
        raw = download()
        store.replace(path, raw)
        return raw

    found = repository.target(list_path(channel), MAX_LIST_BYTES, kept)
    return None if found is None else parse_list(found)
