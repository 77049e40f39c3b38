"""Opening the log of a working directory."""

from pathlib import Path

from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log.log import TransparencyLog
from homespun_server.settings import ServerSettings
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now

MEMORY = "log-checkpoint.txt"
"""The file in the working directory that keeps the last signed checkpoint; it belongs to no backup of the store."""


def memory_of(settings: ServerSettings) -> Path:
    """Return where a working directory keeps the last signed checkpoint."""
    return settings.folder / MEMORY


def open_log(settings: ServerSettings, store: Store, keys: ComplianceKeys, now: Now = utc_now) -> TransparencyLog:
    """Return the log of a working directory.

    Args:
        settings: The working directory's settings.
        store: Its store, which stays the caller's to close.
        keys: Its compliance keys.
        now: Returns the time.
    """
    return TransparencyLog(store, keys, now, memory=memory_of(settings))
