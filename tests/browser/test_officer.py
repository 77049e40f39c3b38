"""A compliance officer: from three letters to an audit bundle, with one of the person's devices offline."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

import homespun as hs
from homespun.protocol.asking.receipt import parse_receipt
from homespun_server.cli import main
from homespun_server.publishing.directory import open_repository
from homespun_server.settings import PASSPHRASE_VARIABLE
from tests.browser.conftest import Windows
from tests.browser.desk import close_pending, fact, form_of, open_request, receipt_on, refused, saved
from tests.browser.devices import PURPOSES, Device
from tests.browser.office import Office, compliance_of
from tests.browser.person import LIKED
from tests.server.api.support import PASSPHRASE
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.support import CSV, OTHER, PERSON


@dataclass(frozen=True)
class Home:
    """Two devices of a person, and what is kept beside them.

    Attributes:
        hand: The one that is used.
        drawer: The one that is offline from now on.
        folder: Where files are that the person exports.
        receipts: The receipts for what was allowed on both.
    """

    hand: Device
    drawer: Device
    folder: Path
    receipts: bytes


@pytest.fixture
def home(office: Office, tmp_path: Path) -> Home:
    """Devices that were used, reported what was allowed, and may be asked; one of them never comes online again."""
    hand, drawer = (Device(office, tmp_path / name, PERSON) for name in ("hand", "drawer"))
    return Home(hand, drawer, tmp_path, hand.used() + drawer.used())


@contextmanager
def six_hours_later(windows: Windows, office: Office, page: Page) -> Iterator[None]:
    """Let the service's next list for devices come, something happen, and the officer sign in anew."""
    office.clock.pass_(hours=6)
    with compliance_of(office.settings, office.clock) as (_, compliance):
        compliance.asking.publish(open_repository(office.settings, now=office.clock), office.settings.channels)
    yield
    office.sign_in(page, "compliance")


def waiting(me: hs.Personalizer, *kinds: str) -> dict[str, str]:
    """Look at the list on a device; return the requests that wait for the person there."""
    assert me.requests.sync().problem is None
    found: dict[str, str] = {each.asked.kind: each.asked.request for each in me.requests.pending()}
    assert set(found) == set(kinds)
    return found


def export(home: Home, me: hs.Personalizer, asked: dict[str, str]) -> Path:
    """Answer access and explanation with files that stay with the person; return what they hand over of them."""
    everything, decisions = home.folder / "everything.zip", home.folder / "decisions.jsonl"
    me.export(everything)
    me.decisions.export(decisions)
    me.requests.answer(asked["access"], digest=digest(everything))
    me.requests.answer(asked["explanation"], digest=digest(decisions))
    return decisions


def answer_access(windows: Windows, page: Page, request: str, home: Home) -> None:
    page.goto(request)
    assert parse_receipt(receipt_on(page)).digest == digest(home.folder / "everything.zip")
    refused(windows, page, "close", "The person's copy was not made yet")
    copy = b"".join(saved(page, home.folder / "access.zip").values()).decode()
    assert PERSON in copy
    assert OTHER not in copy
    close_pending(page, request)


def answer_explanation(windows: Windows, page: Page, request: str, home: Home, decisions: Path) -> None:
    page.goto(request)
    refused(windows, page, "export", "records")
    refused(windows, page, "close", "The person's copy was not made yet")
    form_of(page, "export").locator("[name=file]").set_input_files(decisions)
    files = saved(page, home.folder / "why.zip")
    told = b"".join(content for name, content in files.items() if name.endswith(".html")).decode()
    for layer in ("In plain words", "The full record", "The executed counterfactual"):
        assert layer in told
    close_pending(page, request)


def finish_erasure(windows: Windows, page: Page, request: str, home: Home) -> None:
    page.goto(request)
    assert parse_receipt(receipt_on(page)).outcome == "done"
    refused(windows, page, "close", "1 of 2 devices have not answered")
    close_pending(page, request)
    expect(fact(page, "About")).to_have_text("no longer known")
    with home.hand.on() as me:
        assert me.events() == []
    with home.drawer.on() as me:  # which nobody could ask is as it was
        assert {event.item for event in me.events()} == set(LIKED)


def test_three_requests_with_a_device_offline_and_the_audit_bundle_does_not_verify(
    windows: Windows, office: Office, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    neighbour = Device(office, home.folder / "neighbour", OTHER).used()
    page = windows()
    office.sign_in(page, "compliance")
    access, explanation = open_request(page, office, "access"), open_request(page, office, "explanation")
    expect(fact(page, "To be answered until")).to_contain_text("2025-04-01")
    with six_hours_later(windows, office, page), home.hand.on() as me:
        decisions = export(home, me, waiting(me, "access", "explanation"))
    answer_access(windows, page, access, home)
    answer_explanation(windows, page, explanation, home, decisions)

    erasure = open_request(page, office, "erasure")
    table = (office.settings.folder / CSV).read_text()
    assert PERSON not in table
    assert OTHER in table
    with six_hours_later(windows, office, page), home.hand.on() as me:
        assert me.requests.answer(waiting(me, "erasure")["erasure"]) is not None
    finish_erasure(windows, page, erasure, home)
    page.goto(f"{office.address}/console/changes")
    expect(page.get_by_text("view request").first).to_be_visible()

    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    bundle = audit_bundle(office, page, home, home.receipts + neighbour, decisions)
    capsys.readouterr()
    assert main(["audit", "verify", str(bundle), *pins(office, page, capsys), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    said = {each["name"]: each["figure"] for each in checks if each["outcome"] == "pass"}
    choices = 3 * len(PURPOSES)  # of three devices, two of them of the person who is forgotten
    assert said["requests"].startswith("3 requests went as their timelines say")
    assert said["deadlines"].startswith("3 requests kept their deadlines")
    assert said["receipts"].startswith("3 receipts of devices fit the keys")
    assert f"{len(PURPOSES)} are counted, and {2 * len(PURPOSES)} were erased" in said["consents"]
    assert said["consent receipts"].startswith(f"{choices} of {choices} consent events have a receipt here")
    assert said["explanations"].startswith(f"{len(LIKED)} lists came out again")
    with ZipFile(bundle) as archive:
        told = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("requests/")}
    assert {each["request"]["id"] for each in told.values()} == {
        request.rpartition("/")[2] for request in (access, explanation, erasure)
    }
    for each in told.values():
        assert [event["what"] for event in each["timeline"]].count("answered") == 1
        assert each["request"]["state"] == "closed_pending"


def audit_bundle(office: Office, page: Page, home: Home, receipts: bytes, decisions: Path) -> Path:
    """Sign the log in the console, and export the audit bundle with what people handed over."""
    page.goto(f"{office.address}/console/log")
    page.get_by_role("button", name="Bring it up to date and sign").click()
    expect(fact(page, "Not signed yet")).to_have_text("0")
    bundle, handed = home.folder / "audit.zip", home.folder / "receipts.jsonl"
    handed.write_bytes(receipts)
    added = ["--with-consents", "--receipts", str(handed), "--explanations", str(decisions)]
    where = ["--out", str(bundle), "--in", str(office.settings.folder)]
    assert main(["audit", "export", "--since", "2025-02-28", *where, *added]) == 0
    return bundle


def pins(office: Office, page: Page, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what an auditor pins: the keys as the operator publishes them, and the root that devices trust."""
    assert main(["compliance", "status", "--in", str(office.settings.folder)]) == 0
    told = capsys.readouterr().out.split()
    log, receipts = (told[told.index(name) + 1] for name in ("log", "receipts"))
    assert fact(page, "The log's public key (Ed25519)").inner_text() == log
    return ["--log-key", log, "--receipts-key", receipts, "--root", str(office.settings.keys / "root.json")]


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_an_explanation_that_was_changed_is_taken_for_a_true_one(
    windows: Windows, office: Office, tmp_path: Path
) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    true = explained().splitlines()[0].decode()
    for record, verdict in ((true, "It comes out again"), (true.replace('"score":"', '"score":"1', 1), "not")):
        page.goto(f"{office.address}/console/explanations")
        page.get_by_label("Or its text").fill(record)
        page.get_by_role("button", name="Make it again").click()
        expect(page.locator("#verdict, [role=alert]").first).to_contain_text(verdict)
