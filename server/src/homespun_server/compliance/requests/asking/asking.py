"""What is asked of devices: the list that is published at a rhythm, and the receipts that come back.

The list is published every ``PERIOD`` whether anything changed or not. A request that was opened meanwhile waits for
the next one. So neither that there is a new list, nor when, tells that somebody was asked.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Protocol

from sqlalchemy import Connection, delete, insert, select

from homespun.errors import AskingError, ReceiptError
from homespun.protocol.asking.listing import ENTRY_BYTES, MAX_ENTRIES, SLOTS, Asked, encode_list
from homespun.protocol.asking.receipt import DeviceReceipt, parse_receipt, verify
from homespun.protocol.asking.request import AskedRequest, Kind
from homespun_server.compliance.requests.asking.answers import (
    PENDING,
    DeviceState,
    OpenRequest,
    answer_within,
    ask_within,
    find_within,
    pending_within,
)
from homespun_server.compliance.requests.asking.devices import Devices
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_asking import asking_answers, asking_devices, asking_lists

PERIOD: Final = timedelta(hours=6)
"""Between two lists."""

HOLDS: Final = timedelta(days=3)
"""For how long devices believe a list; within it whoever holds back newer ones goes unnoticed."""

TEXTS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "access": "You asked what is held about you. Much of it is on this device alone: export it here.",
        "portability": "You asked for your data to take along. Much of it is on this device alone: export it here.",
        "rectification": "You asked to have something corrected. What is on this device only you can correct, here.",
        "erasure": "You asked to be forgotten. What this device holds about you can be erased here.",
        "restriction": "You asked that your data not be used for now. This device can stop using it.",
        "objection": "You objected to the use of your data. This device can stop using it for you.",
        "explanation": "You asked why things are shown to you. The records of that are on this device: export them.",
        "opt-out": "You opted out. This device can stop contributing to what is counted over many people.",
    }
)
"""What the person reads on the device, by what was asked for."""


class OpenRequests(Protocol):
    """What knows the requests; ``compliance.requests.Requests``."""

    def for_devices(self) -> Iterable[OpenRequest]:
        """Return every open request that devices are to be asked."""

    def device_answered_within(self, connection: Connection, receipt: DeviceReceipt, raw: bytes) -> None:
        """Note in the request that a device has answered; its receipt was verified."""


class Publishes(Protocol):
    """The signed repository."""

    def put_requests(self, lists: Mapping[str, bytes]) -> None:
        """Publish lists of requests, by channel."""


class Asking:
    """Asks devices, and hears what they answer. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        devices: Devices,
        requests: OpenRequests,
        now: Now = utc_now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            devices: The devices that registered.
            requests: Knows what is open.
            now: Returns the time.
            entropy: Returns so many unpredictable bytes.
        """
        self.devices = devices
        self._store = store
        self._requests = requests
        self._now = now
        self._entropy = entropy

    def publish(self, repository: Publishes, channels: Sequence[str]) -> int:
        """Publish the list of now on channels; return how many entries it has.

        Raises:
            HomespunError: It cannot be signed; see ``SignedRepository``.
            StoreError: If the store cannot be used.
        """
        raw, now = self.listed(), self._now()
        repository.put_requests(dict.fromkeys(channels, raw))
        entries = len(raw) // ENTRY_BYTES
        row = {"number": 1, "sha256": sha256(raw).hexdigest(), "entries": entries, "made": text_of(now)}
        with self._store.writing() as connection:
            connection.execute(delete(asking_lists))
            connection.execute(insert(asking_lists).values(row))
        return entries

    def is_due(self) -> bool:
        """Return whether it is time for another list.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            made = connection.execute(select(asking_lists.c.made)).scalar_one_or_none()
        return made is None or not timedelta() <= self._now() - datetime.fromisoformat(made) < PERIOD

    def listed(self) -> bytes:
        """Note who is asked what, and return the list of now.

        Raises:
            StoreError: If the store cannot be used.
        """
        now = self._now()
        open_requests = {each.request: each for each in self._requests.for_devices()}
        with self._store.writing() as connection:
            for each in open_requests.values():
                found = self.devices.of_within(connection, each.subject)
                ask_within(connection, each, (one.device for one in found), text_of(now))
            asked = self._asked(connection, open_requests)
        made = int(now.timestamp())
        return encode_list(asked, made=made, expires=made + int(HOLDS.total_seconds()), entropy=self._entropy)

    def receive(self, raw: bytes) -> DeviceState:
        """Take a receipt; one that came before changes nothing.

        Raises:
            AskingError, ReceiptError: It is malformed or forged, answers what was not asked of its device, or comes
                after a later one.
            StoreError: If the store cannot be used.
        """
        receipt = parse_receipt(raw)
        with self._store.writing() as connection:
            device = self.devices.get_within(connection, receipt.device)
            asked = find_within(connection, receipt)
            if device is None or asked is None or asked.kind != receipt.kind:
                raise AskingError("nobody asked that of this device; the receipt is refused.")
            verify(receipt, device.key)
            if asked.state == PENDING:
                if receipt.sequence <= device.answered:
                    raise ReceiptError("this device has given a later answer already; the receipt is refused.")
                answer_within(connection, receipt, raw, text_of(self._now()))
                self._requests.device_answered_within(connection, receipt, raw)
                self.devices.receipt_logged_within(connection, receipt, raw)
            elif asked.receipt != raw:
                raise ReceiptError("this device has answered that already, and otherwise; the first answer stays.")
            return self._states(connection, receipt.request, receipt.device)[0]

    def states(self, request: str) -> tuple[DeviceState, ...]:
        """Return how far each device is with a request.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return self._states(connection, request)

    def _asked(self, connection: Connection, requests: Mapping[str, OpenRequest]) -> list[Asked]:
        pending = pending_within(connection, requests)
        names = {name for found in pending.values() for name in found}
        devices = {each.device: each for each in self.devices.named_within(connection, names)}
        room = dict.fromkeys(devices, SLOTS)
        asked: list[Asked] = []
        # What does not fit waits for a later list; what ends first goes first, and nobody holds up the others.
        for request in sorted(pending, key=lambda each: (requests[each].deadline, each)):
            for name in pending[request]:
                if room.get(name) and len(asked) < MAX_ENTRIES:
                    room[name] -= 1
                    asked.append(Asked(bytes.fromhex(name), devices[name].secret, _request(requests[request])))
        return asked

    def _states(self, connection: Connection, request: str, device: str | None = None) -> tuple[DeviceState, ...]:
        query = select(asking_answers, asking_devices.c.renewed).join(asking_devices)
        query = query.where(asking_answers.c.request == request).order_by(asking_answers.c.device)
        if device is not None:
            query = query.where(asking_answers.c.device == device)
        return tuple(self._state(row._asdict()) for row in connection.execute(query))

    def _state(self, row: dict[str, object]) -> DeviceState:
        lost = row["state"] == PENDING and self.devices.is_lost(str(row.pop("renewed")))
        row.pop("renewed", None)
        row.pop("kind")
        return DeviceState(**{**row, **({"state": "lost"} if lost else {})})  # type: ignore[arg-type]


def _request(request: OpenRequest) -> AskedRequest:
    return AskedRequest(
        request=request.request,
        kind=request.kind,
        regulation=request.regulation,
        deadline=request.deadline,
        verified=request.verified,
        text=TEXTS[request.kind],
    )
