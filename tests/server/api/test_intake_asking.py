"""Devices register and answer over HTTP: forged, too often, for strangers, or kept with where they came from."""

from collections.abc import Iterator
from typing import Any

import pytest

from homespun.protocol.asking.listing import list_path, parse_list
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.compliance.opening import Compliance, open_compliance
from homespun_server.publishing.directory import open_repository
from homespun_server.settings import ServerSettings
from tests.server.api.support import CANARY, CHEAP, PASSPHRASE, TESTER, Hands, Running, running, store_of
from tests.server.api.test_timestamp import until
from tests.server.compliance.requests.asking.phones import Phone

REGISTRATIONS, RECEIPTS = "/intake/v1/registrations", "/intake/v1/receipts"
ADA = "ada@example.org"


@pytest.fixture
def settings(published: ServerSettings) -> ServerSettings:
    create_compliance_keys(published, PASSPHRASE.encode(), costs=CHEAP)
    return published


@pytest.fixture
def service(settings: ServerSettings) -> Iterator[Running]:
    with running(settings) as made:
        yield made


@pytest.fixture
def compliance(service: Running) -> Iterator[Compliance]:
    """The same as the service works with."""
    with store_of(service.settings) as store:
        found = open_compliance(service.settings, store, service.clock)
        assert found is not None
        yield found


def post(service: Running, path: str, content: bytes) -> Any:
    return service.client.post(path, content=content, headers={"Content-Type": "application/json"})


def register(service: Running, compliance: Compliance, phone: Phone) -> Any:
    voucher = compliance.asking.devices.voucher(ADA)
    return post(service, REGISTRATIONS, phone.registration(compliance.keys, voucher))


def opened(compliance: Compliance) -> str:
    """Open a request that is worked on, and return its id."""
    requests = compliance.requests.requests
    request = requests.open("objection", "gdpr", actor=TESTER, identifier=ADA).id
    requests.act(request, "identified", TESTER, {"method": "passport", "evidence": "seen"})
    requests.act(request, "accepted", TESTER)
    requests.act(request, "working", TESTER)
    return str(request)


def test_a_device_registers_and_answers_for_nothing(service: Running, compliance: Compliance) -> None:
    phone = Phone("phone", ADA)
    assert register(service, compliance, phone).status_code == 200
    request = opened(compliance)
    asking = compliance.asking
    (asked,) = phone.finds(asking.listed(), service.clock().timestamp())
    assert asked.request == request
    raw = phone.answer(request)
    for _ in range(2):
        assert post(service, RECEIPTS, raw).json() == {"taken": True}
    assert [each.state for each in asking.states(request)] == ["done"]
    assert list(compliance.requests.requests.get(request).receipts) == [phone.device.hex()]


def test_the_answer_tells_what_is_wrong(service: Running, compliance: Compliance) -> None:
    """A forged receipt, one for nobody's request and one of an unknown device are refused with the very same bytes."""
    phone, stranger = Phone("phone", ADA), Phone("stranger", ADA)
    register(service, compliance, phone)
    request = opened(compliance)
    compliance.asking.listed()
    refused = [
        post(service, RECEIPTS, b"something"),
        post(service, RECEIPTS, stranger.answer(request)),
        post(service, RECEIPTS, stranger.answer(request, device=phone.device.hex())),
        post(service, RECEIPTS, phone.answer("another")),
        post(service, REGISTRATIONS, b"{}"),
        post(service, REGISTRATIONS, stranger.registration(compliance.keys, f"1.{'0' * 64}")),
    ]
    assert {answer.status_code for answer in refused} == {400}
    assert len({answer.content for answer in refused}) == 1
    assert refused[0].json()["type"].endswith("malformed")


def test_more_is_read_than_a_receipt_has(service: Running) -> None:
    assert post(service, RECEIPTS, b"x" * (1 << 17)).status_code == 413
    assert post(service, REGISTRATIONS, b"x" * 5000).status_code == 413


def test_strangers_come_without_an_end(settings: ServerSettings) -> None:
    with running(settings, intake_rate=0.01, intake_burst=2) as service:
        codes = [post(service, RECEIPTS, b"x").status_code for _ in range(4)]
    assert codes == [400, 400, 429, 429]


def test_an_account_or_an_address_is_logged(service: Running, compliance: Compliance) -> None:
    phone = Phone("phone", ADA)
    register(service, compliance, phone)
    post(service, RECEIPTS, phone.answer())
    logged = service.log.getvalue()
    assert REGISTRATIONS in logged
    for told in (ADA, phone.device.hex(), "testclient", "127.0.0.1"):
        assert told not in logged


def test_the_service_publishes_no_list_or_at_another_rhythm(settings: ServerSettings) -> None:
    clock, made = Hands(), []
    for _ in range(3):
        with running(settings, clock=clock, renew_seconds=0.001) as service:
            until(service, "not due")
            repository = open_repository(service.settings, now=clock)
            made.append(repository._publisher.load().files(CANARY)[list_path(CANARY)].sha256)
            path = f"/repository/targets/{CANARY}/requests/{made[-1]}.list.bin"
            assert len(parse_list(service.get(path).content).entries) == 64
        clock.pass_(hours=4)
    # At 0, 4 and 8 hours: another one every six.
    assert made[0] == made[1] != made[2]


def test_devices_are_heard_without_keys(published: ServerSettings) -> None:
    with running(published) as service:
        assert post(service, RECEIPTS, b"x").status_code == 404
