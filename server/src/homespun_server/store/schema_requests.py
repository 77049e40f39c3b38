"""The tables of requests, as the newest migration leaves them.

What happened and what was done is only added: the database refuses to change it. Who a request is about lies in a
table of its own, sealed, and goes when the request ends.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from homespun_server.store.schema import MOMENT_LENGTH, NAME_LENGTH, WHO_LENGTH, metadata

request_documents = Table(
    "homespun_request_documents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", Text, nullable=False),
)
"""Rules and data maps as requests were opened under them, by their SHA-256; many requests share one."""

requests = Table(
    "homespun_requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("regulation", String(NAME_LENGTH), nullable=False),
    Column("subject", String(64), index=True),
    Column("state", String(20), nullable=False),
    Column("received", String(MOMENT_LENGTH), nullable=False),
    Column("due", String(MOMENT_LENGTH), nullable=False),
    Column("next", String(MOMENT_LENGTH)),
    Column("events", Integer, nullable=False),
    Column("rules", String(64), ForeignKey(request_documents.c.digest), nullable=False),
    Column("data_map", String(64), ForeignKey(request_documents.c.digest), nullable=False),
)
"""One row a request: what its events add up to. ``next`` is the next deadline; null: nothing waits for anybody."""

Index("homespun_requests_next", requests.c.next, requests.c.id)
Index("homespun_requests_state", requests.c.state, requests.c.due, requests.c.id)

request_events = Table(
    "homespun_request_events",
    metadata,
    Column("request", String(32), ForeignKey(requests.c.id), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("who", String(WHO_LENGTH), nullable=False),
    Column("role", String(20), nullable=False),
    Column("what", String(20), nullable=False),
    Column("detail", Text, nullable=False),
)
"""What happened to requests. The database itself refuses to change or remove a row."""

request_people = Table(
    "homespun_request_people",
    metadata,
    Column("request", String(32), ForeignKey(requests.c.id), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""What the operator calls the person, sealed, while the request is open."""

tombstones = Table(
    "homespun_tombstones",
    metadata,
    Column("mark", String(64), primary_key=True),
    Column("store", String(NAME_LENGTH), nullable=False),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("lifted", String(MOMENT_LENGTH)),
    Column("number", Integer, nullable=False),
)
"""Marks of what was erased; the file beside the store has them too, see ``compliance/requests/tombstones.py``."""

retrainings = Table(
    "homespun_retrainings",
    metadata,
    Column("request", String(32), ForeignKey(requests.c.id), primary_key=True),
    Column("bundle", String(64), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False, index=True),
    Column("scheduled", String(MOMENT_LENGTH), nullable=False),
    Column("evidence", String(64)),
    Column("done", String(MOMENT_LENGTH)),
)
"""Models that are to be made again without a person, and the bundle that was made instead."""
