"""The list of open requests to devices, as a target of a channel; what it is, is told in ``homespun.protocol.asking``.

Rules:

- A channel signs one list at a time. It stays when a bundle is released or tasks change, and the other way round.
- What is signed is checked as devices check it. Of older lists the last one stays, for devices in the middle of a
  download; no list says anything that the next one does not.
"""

import hashlib
from collections.abc import Mapping

from homespun.errors import AskingError, MisuseError
from homespun.protocol.asking.listing import list_path, parse_list
from homespun.protocol.bundle import FileEntry
from homespun_server.publishing.repository.files import Step, is_there, write
from homespun_server.publishing.repository.layout import Layout


def entries_of(files: Mapping[str, FileEntry], channel: str) -> dict[str, FileEntry]:
    """Return the target of a channel's list; nothing where it never had one."""
    path = list_path(channel)
    return {path: files[path]} if path in files else {}


def put(raw: bytes, channel: str, layout: Layout, step: Step, before: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    """Write a list where devices look for it, and return it as a target.

    Args:
        raw: The list.
        channel: The channel.
        layout: The repository.
        step: Is told when something is on the disk.
        before: The target that is in force.

    Raises:
        MisuseError: It is no list.
        OSError: If it cannot be written.
    """
    try:
        parse_list(raw)
    except AskingError as error:
        raise MisuseError(f"this is no list of requests: {error} Nothing was published.") from error
    path = list_path(channel)
    entry = FileEntry(size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    place = layout.target(path, entry.sha256)
    _forget(layout, path, {entry, *before.values()})
    if not is_there(place, entry):
        write(place, raw, step, "list of requests")
    return {path: entry}


def _forget(layout: Layout, path: str, kept: set[FileEntry]) -> None:
    places = {layout.target(path, entry.sha256) for entry in kept}
    for found in layout.target(path, "").parent.glob("*.list.bin"):
        if found not in places:
            found.unlink(missing_ok=True)
