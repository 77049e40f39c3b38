"""Events as they are read: with what the operator registered of the words, and what vouches for their streams."""

from sqlalchemy import Connection, func, select

from homespun_server.compliance.consent.events import ConsentEvent, event_of
from homespun_server.store.schema_consent import consent_events, consent_notices, consent_vouched

_EVENTS = consent_events.c


def events_within(connection: Connection, subject: str, *, until: str | None = None) -> tuple[ConsentEvent, ...]:
    """Return what was received of a person, in the order of receipt.

    Args:
        connection: Reads.
        subject: The pseudonym.
        until: Nothing that was received later, ISO 8601, UTC; None: all.
    """
    notices, vouched = consent_notices.c, consent_vouched.c
    is_stream = (vouched.subject == _EVENTS.subject) & (vouched.source == _EVENTS.source)
    joined = consent_events.outerjoin(consent_notices, _EVENTS.notice == notices.sha256)
    words = (notices.text, notices.language.label("registered_language"), notices.version.label("registered_version"))
    query = select(consent_events, *words, vouched.received.label("vouched"))
    query = query.select_from(joined.outerjoin(consent_vouched, is_stream)).where(_EVENTS.subject == subject)
    if until is not None:
        query = query.where(_EVENTS.received <= until)
    return tuple(map(event_of, connection.execute(query.order_by(_EVENTS.number))))


def last_received(connection: Connection, subject: str) -> str | None:
    """Return when the latest event of a person was received; None: they have none."""
    found: str | None = connection.scalar(select(func.max(_EVENTS.received)).where(_EVENTS.subject == subject))
    return found
