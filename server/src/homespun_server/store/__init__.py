"""The operator's store: SQLite in a file, or PostgreSQL. Imports the errors and nothing else of the server.

One connection per transaction and none between them, so that a store can be used from threads and across forks. A
service, which does not fork, may keep some open.
"""

from homespun_server.store import schema_asking as _schema_asking  # noqa: F401 - declares its tables
from homespun_server.store import schema_consent as _schema_consent  # noqa: F401 - declares its tables
from homespun_server.store import schema_console as _schema_console  # noqa: F401 - declares its tables
from homespun_server.store import schema_log as _schema_log  # noqa: F401 - declares its tables
from homespun_server.store import schema_requests as _schema_requests  # noqa: F401 - declares its tables
from homespun_server.store.audit import Actor, AuditLog
from homespun_server.store.budget import SqlLog
from homespun_server.store.opening import open_store
from homespun_server.store.runs import Run, Runs
from homespun_server.store.store import Store
from homespun_server.store.tokens import Role, Token, Tokens

__all__ = ["Actor", "AuditLog", "Role", "Run", "Runs", "SqlLog", "Store", "Token", "Tokens", "open_store"]
