"""Which device was asked what, and what it answered: rows that go from ``pending`` to an answer and never back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row, insert, select, update

from homespun.protocol.asking.receipt import DeviceReceipt
from homespun.protocol.asking.request import Kind
from homespun_server.store.schema_asking import asking_answers, asking_devices

State = Literal["pending", "done", "declined", "lost"]

PENDING: State = "pending"


@dataclass(frozen=True, kw_only=True)
class OpenRequest:
    """A request that devices are to be asked.

    Attributes:
        request: Its id.
        subject: The pseudonym of whose it is.
        kind: What is asked for.
        regulation: The name of its regulation's profile.
        deadline: The day by which it has to be answered, ISO 8601.
        verified: How it was made sure who asks, in few words.
    """

    request: str
    subject: str
    kind: Kind
    regulation: str
    deadline: str
    verified: str


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """How far a device is with a request.

    Attributes:
        request: The request.
        device: The device.
        state: ``pending`` until its signed receipt is here; ``lost``: it has not registered again for so long that it
            is not expected to answer any more.
        asked: Since when it is asked, ISO 8601, UTC.
        answered: When its receipt came, by the clock here.
        receipt: The receipt as it came.
    """

    request: str
    device: str
    state: State
    asked: str
    answered: str | None
    receipt: bytes | None


def ask_within(connection: Connection, request: OpenRequest, devices: Iterable[str], moment: str) -> None:
    """Note that devices are asked; those that were asked before stay as they are."""
    query = select(asking_answers.c.device).where(asking_answers.c.request == request.request)
    known = set(connection.execute(query).scalars())
    row = {"request": request.request, "kind": request.kind, "state": PENDING, "asked": moment}
    added = [{**row, "device": device} for device in devices if device not in known]
    if added:
        connection.execute(insert(asking_answers), added)


def pending_within(connection: Connection, requests: Iterable[str]) -> dict[str, list[str]]:
    """Return the devices that have not answered, by request, both in the order of their ids."""
    wanted = set(requests)
    query = select(asking_answers.c.request, asking_answers.c.device).where(asking_answers.c.state == PENDING)
    found: dict[str, list[str]] = {}
    for request, device in connection.execute(query.order_by(asking_answers.c.request, asking_answers.c.device)):
        if request in wanted:
            found.setdefault(request, []).append(device)
    return found


def find_within(connection: Connection, receipt: DeviceReceipt) -> Row[tuple[object, ...]] | None:
    """Return the row of what a receipt answers; None: this device was never asked that."""
    query = select(asking_answers).where(
        asking_answers.c.request == receipt.request, asking_answers.c.device == receipt.device
    )
    return connection.execute(query).one_or_none()


def answer_within(connection: Connection, receipt: DeviceReceipt, raw: bytes, moment: str) -> None:
    """Keep a receipt that was verified, and note that its device has answered."""
    connection.execute(
        update(asking_answers)
        .where(asking_answers.c.request == receipt.request, asking_answers.c.device == receipt.device)
        .values(state=receipt.outcome, answered=moment, receipt=raw)
    )
    connection.execute(
        update(asking_devices).where(asking_devices.c.device == receipt.device).values(answered=receipt.sequence)
    )
