"""Where devices register to be asked, and answer, without a token.

Rules:

- What came before is answered as it was then, and changes nothing: devices send until they are answered.
- What is malformed, forged or answers what nobody asked is refused with one word, whichever of these it is: whoever
  tries out registrations and receipts learns nothing of devices, accounts or requests.
- Nothing is kept or logged of who sent it: no address, no header. How often anything is taken at all is limited for
  everybody together, as for all that needs no token.
"""

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from litestar import Request, Response, Router, post
from litestar.datastructures import State

from homespun.errors import AskingError, MisuseError, ReceiptError
from homespun.protocol.asking.receipt import MAX_RECEIPT_BYTES
from homespun.protocol.asking.registration import MAX_REGISTRATION_BYTES
from homespun_server.api.aggregation.exchange import TypedProblem
from homespun_server.api.problem import MEDIA_TYPE
from homespun_server.api.services import Given, Services, compliance_of
from homespun_server.collection import PROBLEM
from homespun_server.compliance.requests.asking import Asking

PATH = "/intake/v1"

_DETAIL = "this is no registration or receipt that is taken here."
_TAKEN = b'{"taken":true}'

AnyRequest = Request[Any, Any, State]


@post("/registrations", status_code=200, include_in_schema=False, request_max_body_size=MAX_REGISTRATION_BYTES)
async def take_registration(services: Given, request: AnyRequest) -> Response[bytes]:
    """Take a device's registration."""
    raw = await request.body()
    return await anyio.to_thread.run_sync(_taken, lambda: _asking(services).devices.register(raw))


@post("/receipts", status_code=200, include_in_schema=False, request_max_body_size=MAX_RECEIPT_BYTES)
async def take_receipt(services: Given, request: AnyRequest) -> Response[bytes]:
    """Take a device's receipt."""
    raw = await request.body()
    return await anyio.to_thread.run_sync(_taken, lambda: _asking(services).receive(raw))


def _asking(services: Services) -> Asking:
    return compliance_of(services).asking


def _taken(take: Callable[[], object]) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    try:
        take()
    except (AskingError, ReceiptError, MisuseError):
        found = TypedProblem(type=f"{PROBLEM}malformed", title="Bad Request", status=400, detail=_DETAIL)
        return Response(msgspec.json.encode(found), status_code=400, media_type=MEDIA_TYPE, headers=headers)
    return Response(_TAKEN, media_type="application/json", headers=headers)


def routes() -> Router:
    """Return the routes."""
    return Router(PATH, route_handlers=[take_registration, take_receipt])
