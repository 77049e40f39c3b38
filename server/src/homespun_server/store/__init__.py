"""The operator's store: SQLite in a file, or PostgreSQL. Imports the errors and nothing else of the server.

One connection per transaction and none between them, so that a store can be used from threads and across forks.
"""

from homespun_server.store.budget import SqlLog
from homespun_server.store.opening import open_store
from homespun_server.store.store import Store

__all__ = ["SqlLog", "Store", "open_store"]
