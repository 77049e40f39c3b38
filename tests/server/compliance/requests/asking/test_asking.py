"""Asking devices: who is asked, what answers count, and what happens to those that are forged or repeated."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from homespun.errors import AskingError, ReceiptError
from homespun.protocol.asking.listing import LEAST_ENTRIES, SLOTS, parse_list
from homespun.protocol.asking.registration import HOLDS_DAYS
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.requests.asking.asking import HOLDS, PERIOD
from homespun_server.compliance.requests.asking.devices import MAX_DEVICES
from homespun_server.store.schema import metadata
from homespun_server.store.schema_asking import asking_devices
from tests.sdk.protocol.asking.support import drawn
from tests.server.compliance.requests.asking.phones import Phone, Place, changed, place, pseudonym


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


@pytest.fixture
def phone(server: Place) -> Phone:
    made = Phone("phone")
    server.register(made)
    return made


def test_a_device_is_not_asked_or_another_one_is(server: Place, phone: Phone) -> None:
    tablet, eves = Phone("tablet"), Phone("eves", "eve")
    for each in (tablet, eves):
        server.register(each)
    server.requests.add()
    assert server.asked(phone) == server.asked(tablet) == ["r-1"]
    assert server.asked(eves) == []
    assert server.states() == {phone.device.hex(): "pending", tablet.device.hex(): "pending"}


def test_an_answer_is_not_noted_or_asked_for_again(server: Place, phone: Phone) -> None:
    tablet = Phone("tablet")
    server.register(tablet)
    server.requests.add()
    server.asking.listed()
    assert server.asking.receive(phone.answer()).state == "done"
    assert server.states() == {phone.device.hex(): "done", tablet.device.hex(): "pending"}
    assert server.asked(phone) == []
    assert server.asked(tablet) == ["r-1"]
    assert [each.request for each in server.requests.answered] == ["r-1"]


def test_a_device_that_is_offline_counts_as_done(server: Place, phone: Phone) -> None:
    server.requests.add()
    for _ in range(HOLDS_DAYS):
        server.asking.listed()
        assert server.states() == {phone.device.hex(): "pending"}
        server.clock.pass_(days=1)
    server.clock.pass_(days=1)
    assert server.states() == {phone.device.hex(): "lost"}
    assert server.asked(phone) == []
    server.register(phone, sequence=2)
    assert server.states() == {phone.device.hex(): "pending"}
    assert server.asked(phone) == ["r-1"]


def test_a_repeated_receipt_counts_twice(server: Place, phone: Phone) -> None:
    server.requests.add()
    server.asking.listed()
    raw = phone.answer()
    assert server.asking.receive(raw) == server.asking.receive(raw)
    assert len(server.requests.answered) == 1


def test_another_answer_replaces_the_first(server: Place, phone: Phone) -> None:
    server.requests.add()
    server.asking.listed()
    server.asking.receive(phone.answer(outcome="declined", settings=()))
    with pytest.raises(ReceiptError, match="the first answer stays"):
        server.asking.receive(phone.answer())
    assert server.states() == {phone.device.hex(): "declined"}


def test_an_old_answer_is_kept_back_for_a_later_request(server: Place, phone: Phone) -> None:
    """Whoever recorded a receipt that never arrived hands it in after later ones."""
    server.requests.add("r-1")
    server.requests.add("r-2")
    server.asking.listed()
    held_back = phone.answer("r-1")
    server.asking.receive(phone.answer("r-2"))
    with pytest.raises(ReceiptError, match="a later answer"):
        server.asking.receive(held_back)
    assert server.states("r-1") == {phone.device.hex(): "pending"}


def test_somebody_else_answers(server: Place, phone: Phone) -> None:
    eves = Phone("eves", "eve")
    server.register(eves)
    server.requests.add()
    server.asking.listed()
    with pytest.raises(ReceiptError, match="this device registered"):
        server.asking.receive(eves.answer(device=phone.device.hex()))
    with pytest.raises(AskingError, match="nobody asked"):
        server.asking.receive(eves.answer())
    with pytest.raises(ReceiptError, match="this device registered"):
        server.asking.receive(changed(phone.answer(), settings=["restriction"]))
    assert server.states() == {phone.device.hex(): "pending"}
    assert server.requests.answered == []


def test_an_answer_to_another_request_counts(server: Place, phone: Phone) -> None:
    server.requests.add("r-1")
    server.requests.add("r-2", account="eve")
    server.asking.listed()
    with pytest.raises(AskingError, match="nobody asked"):
        server.asking.receive(phone.answer("r-2"))
    with pytest.raises(AskingError, match="nobody asked"):
        server.asking.receive(phone.answer("r-1", kind="restriction", settings=("restriction",)))


def test_a_receipt_of_nobody_is_kept(server: Place) -> None:
    with pytest.raises(AskingError, match="nobody asked"):
        server.asking.receive(Phone("never registered").answer())


# Registering.


def test_somebody_else_takes_a_device_over(server: Place, phone: Phone) -> None:
    eves = Phone("eves", "eve")
    eves.device = phone.device
    with pytest.raises(AskingError, match="another key"):
        server.register(eves, sequence=9)
    theirs = Phone("phone", "eve")
    with pytest.raises(AskingError, match="somebody else"):
        server.register(theirs, sequence=9)


def test_a_voucher_of_another_operator_or_account_registers(server: Place) -> None:
    eves = Phone("eves", "ada")
    with pytest.raises(AskingError, match="voucher"):
        server.devices.register(eves.registration(server.keys, server.devices.voucher("eve")))
    others = ComplianceKeys.drawn(drawn("another operator"))
    with pytest.raises(AskingError, match="asking key"):
        server.devices.register(eves.registration(others, server.devices.voucher("ada")))
    assert server.devices.count() == 0


def test_a_registration_from_before_undoes_a_newer_one(server: Place, phone: Phone) -> None:
    old = phone.registration(server.keys, server.devices.voucher("ada", hours=10_000))
    server.clock.pass_(days=100)
    server.register(phone, sequence=2)
    server.clock.pass_(days=100)
    server.devices.register(old)
    with server.store.reading() as connection:
        row = connection.execute(select(asking_devices)).one()
    assert (row.sequence, row.renewed[:10]) == (2, "2026-12-30")


def test_one_person_fills_the_store(server: Place) -> None:
    for number in range(MAX_DEVICES):
        server.register(Phone(str(number)))
    with pytest.raises(AskingError, match="devices already"):
        server.register(Phone("one more"))


def test_the_store_holds_the_account_or_the_secret(server: Place, phone: Phone, tmp_path: Path) -> None:
    server.requests.add()
    server.asking.listed()
    server.asking.receive(phone.answer())
    with server.store.reading() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    held = repr(rows)
    assert "ada" not in held.replace(pseudonym("ada"), "")
    assert repr(phone.secret)[2:-1] not in held


def test_a_forgotten_person_is_still_asked(server: Place, phone: Phone) -> None:
    server.requests.add()
    server.asking.listed()
    with server.store.writing() as connection:
        assert server.devices.forget_within(connection, pseudonym("ada")) == 1
    assert server.asked(phone) == []
    assert server.states() == {}


# The list.


def test_a_list_of_many_requests_fails_for_all(server: Place, phone: Phone) -> None:
    for number in range(SLOTS + 2):
        server.requests.add(f"r-{number}", day=f"2026-12-{30 - number}")
    asked = server.asked(phone)
    assert asked == [f"r-{number}" for number in range(SLOTS + 1, 1, -1)]
    server.asking.receive(phone.answer("r-9"))
    assert "r-1" in server.asked(phone)


class Repository:
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.lists: list[dict[str, bytes]] = []

    def put_requests(self, lists: Mapping[str, bytes]) -> None:
        self.lists.append(dict(lists))


def test_when_there_is_a_new_list_tells_that_somebody_was_asked(server: Place, phone: Phone) -> None:
    """The rhythm is the same whether requests are opened and answered meanwhile or not."""
    repository, busy = Repository(), []
    for hour in range(48):
        if hour == 7:
            server.requests.add()
        if server.asking.is_due():
            server.asking.publish(repository, ["films/canary"])
            busy.append(hour)
        server.clock.pass_(hours=1)
    assert busy == list(range(0, 48, int(PERIOD.total_seconds()) // 3600))
    sizes = {len(raw) for lists in repository.lists for raw in lists.values()}
    assert len(sizes) == 1
    found = parse_list(repository.lists[-1]["films/canary"])
    assert len(found.entries) == LEAST_ENTRIES
    assert found.expires - found.made == HOLDS.total_seconds()
    assert phone.finds(repository.lists[1]["films/canary"], server.clock().timestamp() - 40 * 3600) == ()
    assert phone.finds(repository.lists[2]["films/canary"], server.clock().timestamp() - 30 * 3600)
