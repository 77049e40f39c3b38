"""Global Privacy Control: that this service honours it, and requests that bear it.

The specification is https://w3c.github.io/gpc/: ``Sec-GPC: 1`` in a request, and ``/.well-known/gpc.json``. The signal
of somebody who is known is recorded and logged, and forbids from then on what it forbids on devices. Of somebody who is
not known nothing is kept, not even that they asked: nothing of them is processed that it could forbid.

Whoever sends a name alone is told the same each time: that the signal is honoured and kept. The receipt, which tells
when it was first seen, is for who brings a voucher of that account.
"""

from typing import Any, Literal

import anyio
import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import State

from homespun.protocol.asking.registration import Voucher
from homespun.protocol.consent_report import ConsentReceipt, Known, Subject
from homespun_server.api.problem import ClientError
from homespun_server.api.services import Given, Services, compliance_of
from homespun_server.compliance.keys import public_compliance_keys

SIGNALS = "/intake/v1/signals"
WELL_KNOWN = "/.well-known/gpc.json"

_DAY = 10
"""Characters of a day at the beginning of a moment."""

AnyRequest = Request[Any, Any, State]


class Visitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who sends a signal.

    Attributes:
        schema: Version of this.
        subject: What the operator calls them.
        known_as: How that names them.
        voucher: What the operator's backend gives to whoever logged in to that account; None: nobody vouches.
    """

    schema: Literal[1] = 1
    subject: Subject
    known_as: Known = "account"
    voucher: Voucher | None = None


class Honoured(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a signal.

    Attributes:
        honoured: Whether the request bore it and it is honoured.
        kept: Whether it was recorded, which takes somebody to record it of.
        receipt: Proof that it was, for who is vouched for.
    """

    honoured: bool
    kept: bool = False
    receipt: ConsentReceipt | None = None


class Support(msgspec.Struct, frozen=True, rename="camel"):
    """What ``/.well-known/gpc.json`` says.

    Attributes:
        gpc: That the signal is honoured.
        last_update: Since which day.
    """

    gpc: bool
    last_update: str


def says_gpc(request: AnyRequest) -> bool:
    """Return whether a request bears the signal: the header's value is exactly 1."""
    return request.headers.getall("Sec-GPC", []) == ["1"]


@get(WELL_KNOWN, include_in_schema=False, sync_to_thread=True)
def support(services: Given) -> Response[bytes]:
    """Say that the signal is honoured."""
    since = public_compliance_keys(services.settings).created[:_DAY]
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(
        msgspec.json.encode(Support(gpc=True, last_update=since)), media_type="application/json", headers=headers
    )


@post(SIGNALS, status_code=200, include_in_schema=False)
async def take_signal(services: Given, request: AnyRequest) -> Response[bytes]:
    """Honour a signal, and say what came of it."""
    data, gpc = await request.body(), says_gpc(request)
    found = await anyio.to_thread.run_sync(_honoured, services, data, gpc)
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(found), media_type="application/json", headers=headers)


def _honoured(services: Services, data: bytes, gpc: bool) -> Honoured:  # noqa: FBT001 - called by another thread
    visitor = _visitor(data)
    if not gpc or visitor is None:
        return Honoured(honoured=gpc)
    ledger = compliance_of(services).consents
    receipt = ledger.signal(visitor.subject, visitor.known_as)
    is_theirs = visitor.voucher is not None and ledger.is_vouched(visitor.subject, visitor.voucher)
    return Honoured(honoured=True, kept=True, receipt=receipt if is_theirs else None)


def _visitor(data: bytes) -> Visitor | None:
    if not data:
        return None
    try:
        return msgspec.json.decode(data, type=Visitor)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ClientError("this does not say who sends the signal as the protocol says.", status_code=400) from error


def routes() -> Router:
    """Return the routes."""
    return Router("/", route_handlers=[support, take_signal])
