"""Routes of the consent ledger: numbers for everybody who reads, and a person's own events for a case alone.

A person is asked about in a body, never in an address, which others would log. The case is an open request of this
very person. Every look at one is in the record of changes, by its case and the pseudonym, which ends with their key.
"""

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.problem import ClientError
from homespun_server.api.services import AnyRequest, Given, actor_of, compliance_of, requires
from homespun_server.compliance.consent import Conflict, ConsentEvent, DayCount, Gap, ShownWords, Status
from homespun_server.compliance.consent.events import gaps_of
from homespun_server.compliance.consent.standing import Standing, standings
from homespun_server.compliance.requests.cases import check_case

Day = Annotated[date | None, QueryParameter(description="A day, UTC, ISO 8601.")]


class Counts(msgspec.Struct, frozen=True):
    """How many choices of each kind each day brought."""

    counts: tuple[DayCount, ...]


class Notices(msgspec.Struct, frozen=True):
    """The words that people were shown: those that are registered, and the hashes of others."""

    notices: tuple[ShownWords, ...]


class PersonRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose consent is looked at, and for what.

    Attributes:
        subject: What the operator calls them.
        case: The request that needs it, by its id.
        at: The time whose status is asked for, UTC where it names no zone; None: now.
    """

    subject: Annotated[str, Meta(min_length=1, max_length=200)]
    case: Annotated[str, Meta(min_length=1, max_length=32)]
    at: datetime | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What was received of a person.

    Attributes:
        pseudonym: What the ledger calls them.
        status: Where each purpose stood, by its name.
        events: What was received, in order.
        standing: Who stands behind each event, by its number.
        gaps: What is missing between.
        refused: Reports that were refused, because others were received in their place.
    """

    pseudonym: str
    status: dict[str, Status]
    events: tuple[ConsentEvent, ...]
    standing: dict[int, Standing]
    gaps: tuple[Gap, ...]
    refused: tuple[Conflict, ...]


@get("/counts", guards=[requires("read-consent")], security=SECURITY, responses=problems(), sync_to_thread=True)
def count_consents(services: Given, since: Day = None, until: Day = None) -> Counts:
    """Count choices by day, purpose, wording and action; ``until`` is the day after the last."""
    return Counts(compliance_of(services).consents.counts(since=since, until=until))


@get("/notices", guards=[requires("read-consent")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_notices(services: Given) -> Notices:
    """List the words that people were shown, as far as they are registered, and how many choices were made on them."""
    return Notices(compliance_of(services).consents.notices.shown())


@post(
    "/person",
    status_code=200,
    guards=[requires("read-person")],
    security=SECURITY,
    responses=problems(400, 404, 413),
    sync_to_thread=True,
)
def get_person(services: Given, request: AnyRequest, data: JSONBody[PersonRequest]) -> Person:
    """Return what was received of a person, for a case; that this was looked at is recorded."""
    compliance, at = compliance_of(services), _moment(data.at)
    ledger = compliance.consents
    subject = ledger.subjects.pseudonym(data.subject)
    check_case(compliance.requests.requests, data.case, data.subject, subject)
    services.audit.add(actor_of(request), "read-person", data.case, {"what": "consents", "pseudonym": subject or ""})
    if subject is None:
        raise ClientError("nobody of that name reported anything, or they were erased.", status_code=404)
    events = ledger.events_of(subject)
    return Person(
        pseudonym=subject,
        status=dict(ledger.status_as_of(subject, at)),
        events=events,
        standing=standings(events, services.now() if at is None else at),
        gaps=gaps_of(events),
        refused=ledger.conflicts_of(subject),
    )


def _moment(at: datetime | None) -> datetime | None:
    """Return a time in UTC; one without a zone is taken as such."""
    if at is None:
        return None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ClientError("at is beyond the years 1 to 9999, UTC.", status_code=400) from error


def routes() -> Router:
    """Return the routes."""
    return Router("/consents", route_handlers=[count_consents, list_notices, get_person], tags=["consents"])
