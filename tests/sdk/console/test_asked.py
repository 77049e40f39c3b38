"""A request does not reach the person on their page, says nothing of what an answer does, or is answered by itself."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import homespun as hs
from homespun.console.pages.asked import EFFECTS
from homespun.protocol.asking.receipt import parse_receipt
from homespun.protocol.asking.request import Kind
from tests.sdk.asked.operator_of import REQUESTS, World, world_of
from tests.sdk.console.visiting import NOTICE, Page, Visitor
from tests.sdk.people import STORAGE


@pytest.fixture
def world(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Iterator[World]:
    with world_of(tmp_path, bundle, bundle_folder) as made:
        yield made


@pytest.fixture
def person(world: World) -> Iterator[hs.Personalizer]:
    with world.device().allowed() as me:
        yield me


@pytest.fixture
def visiting(person: hs.Personalizer) -> Iterator[Visitor]:
    with Visitor(person.console.url(notice=NOTICE)) as found:
        yield found


def asked(world: World, me: hs.Personalizer, kind: str) -> None:
    me.requests.sync()
    world.server.requests.add("r-1", kind=kind)  # type: ignore[arg-type]
    world.publish()
    assert me.requests.sync(force=True).found == ("r-1",)


def forms(page: Page) -> set[str]:
    return {each.action for each in page.forms} & {"do/answer", "do/decline"}


def states(world: World) -> list[str]:
    return list(world.server.states("r-1").values())


def test_a_request_waits_unseen_or_unexplained(world: World, person: hs.Personalizer, visiting: Visitor) -> None:
    assert "Requests that wait" not in visiting.read("choices").text
    asked(world, person, "restriction")
    page = visiting.read("choices")
    for told in ("Requests that wait for you", "gdpr", "2026-12-24", "logged in", EFFECTS["restriction"]):
        assert told in page.text
    assert not person.controls.current().restricted
    assert "It is answered." in visiting.send(page.form("answer", request="r-1")).text
    assert person.controls.current().restricted
    assert forms(visiting.read("choices")) == set()
    assert states(world) == ["done"]
    again = visiting.send(page.form("answer", request="r-1"))
    assert "answered already" in again.text


def test_a_person_cannot_decline_on_their_page(world: World, person: hs.Personalizer, visiting: Visitor) -> None:
    asked(world, person, "erasure")
    visiting.send(visiting.read("choices").form("decline", request="r-1"))
    assert person.consent.granted(STORAGE)
    assert states(world) == ["declined"]


def test_a_file_is_not_the_one_that_is_proven(world: World, person: hs.Personalizer, visiting: Visitor) -> None:
    asked(world, person, "access")
    form = visiting.read("choices").form("answer", request="r-1")
    answer = visiting.post(form.action, form.fields)
    assert answer.status == 200
    receipt = parse_receipt(person.requests.show("r-1").receipt)
    assert receipt.digest == hashlib.sha256(answer.data).hexdigest()
    assert states(world) == ["done"]


def test_one_click_erases_everything(world: World, person: hs.Personalizer, visiting: Visitor) -> None:
    asked(world, person, "erasure")
    form = visiting.read("choices").form("answer", request="r-1")
    assert "tick the box" in visiting.send(form).text
    assert person.consent.granted(STORAGE)
    assert states(world) == ["pending"]
    assert "The receipt is under" in visiting.send(form, sure="on").text
    assert not person.consent.granted(STORAGE)
    assert states(world) == ["done"]


def test_a_request_is_shown_after_the_withdrawal(world: World, person: hs.Personalizer, visiting: Visitor) -> None:
    asked(world, person, "objection")
    form = visiting.read("choices").form("answer", request="r-1")
    person.consent.withdraw(REQUESTS)
    assert forms(visiting.read("choices")) == set()
    assert "alert" in str(visiting.send(form).tags)
    assert not person.controls.current().objected


def test_an_application_that_nobody_may_ask_shows_requests(me: hs.Personalizer, visitor: Visitor) -> None:
    me.consent.grant(REQUESTS, notice=NOTICE)
    page = visitor.read("choices")
    assert "Requests that wait" not in page.text
    assert forms(page) == set()


def test_a_kind_is_not_explained() -> None:
    assert set(EFFECTS) == set(get_args(Kind))
