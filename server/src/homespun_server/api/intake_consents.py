"""Where devices report what people chose, without a token: reports come in, receipts go out.

Rules:

- A report that is taken is answered with its receipt, the same one however often it comes. One that says something else
  than what was received in its place is refused, and noted in the ledger.
- Nothing is kept or logged of who sent it: no address, no header, no time beyond that of receipt.
- The answer to a report depends on that report and on what was received in its very place: nothing else can be asked
  by sending one.
- ``Sec-GPC: 1`` is honoured, for the person whom the report names. Its receipt, which tells when it was first seen, is
  for a stream that is proven to be that person's.
- A report about an account may bring a voucher of the operator's backend. Without one that fits it is taken all the
  same, as it may be a denial: what it allows overrules nothing that another source denied, and it is told as unvouched.

Non-goal: knowing that a report is true.
"""

from typing import Any

import anyio
import msgspec
from litestar import Request, Response, Router, post
from litestar.datastructures import State

from homespun.errors import MisuseError
from homespun.protocol.consent_report import ConsentAnswer
from homespun.protocol.consent_submission import decode_submission
from homespun_server.api.aggregation.exchange import TypedProblem
from homespun_server.api.privacy_signal import says_gpc
from homespun_server.api.problem import MEDIA_TYPE
from homespun_server.api.services import Given, Services, compliance_of
from homespun_server.collection import PROBLEM
from homespun_server.errors import ConflictError

PATH = "/intake/v1/consents"

_REFUSALS = {
    400: ("malformed", "this is no report of consent as the protocol says."),
    409: (
        "conflict",
        "another report was received in its place, or its stream is not a device's; it was refused, which is noted.",
    ),
}

AnyRequest = Request[Any, Any, State]


@post("/", status_code=200, include_in_schema=False)
async def take_consent(services: Given, request: AnyRequest) -> Response[bytes]:
    """Take a report, and answer with its receipt."""
    data, gpc = await request.body(), says_gpc(request)
    return await anyio.to_thread.run_sync(_taken, services, data, gpc)


def _taken(services: Services, data: bytes, gpc: bool) -> Response[bytes]:  # noqa: FBT001 - called by another thread
    ledger = compliance_of(services).consents
    try:
        report, voucher = decode_submission(data)
    except MisuseError:
        return refusal(400)
    try:
        receipt = ledger.record(report, voucher=voucher)
    except ConflictError:
        return refusal(409)
    is_asked = gpc and services.settings.compliance.gpc
    signal = ledger.signal(report.subject, report.known_as, sdk=report.sdk) if is_asked else None
    proven = ledger.is_proven(report.subject, report.source)
    gpc_receipt = signal if proven else None
    return answer(msgspec.json.encode(ConsentAnswer(receipt=receipt, gpc=gpc_receipt, vouched=proven)))


def answer(content: bytes) -> Response[bytes]:
    """Return an answer in JSON that nobody keeps."""
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def refusal(status: int) -> Response[bytes]:
    """Return a problem that a program understands by its word."""
    word, detail = _REFUSALS[status]
    title = {400: "Bad Request", 409: "Conflict"}[status]
    found = TypedProblem(type=PROBLEM + word, title=title, status=status, detail=detail)
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(found), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def routes() -> Router:
    """Return the routes."""
    return Router(PATH, route_handlers=[take_consent])
