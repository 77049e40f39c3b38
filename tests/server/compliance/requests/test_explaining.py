"""A request for an explanation is answered without one, with one of another list, or with one that nobody checked."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from homespun.model.sample import sample_folder
from homespun_server.compliance.explanations.words import words_of
from homespun_server.compliance.requests.explaining import MOST_RECORDS, Brought
from homespun_server.errors import OutputError, RequestError
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ControllerSettings
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.support import ADA, PERSON, Office, desk_of

WHY = {"reason": "The records are on your device only.", "evidence": "the device's receipt"}
CONTROLLER = ControllerSettings(name="Films Ltd.", address="1 Quay Street", contact="privacy@films.example")


@pytest.fixture(scope="module")
def lines() -> tuple[bytes, ...]:
    return tuple(explained().splitlines())


@pytest.fixture
def asked(desk: Office) -> str:
    """A request for an explanation, which was worked on."""
    request = desk.opened("explanation")
    desk.desk.saga.work(request.id, ADA)
    return str(request.id)


def registered(desk: Office) -> None:
    open_registry(desk.settings, desk.store, desk.clock).add(sample_folder(), lineage={}, gates={})


def with_controller(desk: Office) -> None:
    compliance = msgspec.structs.replace(desk.settings.compliance, controller=CONTROLLER)
    desk.settings = replace(desk.settings, compliance=compliance)
    desk.desk = desk_of(desk.settings, desk.store, desk.clock)


def files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_request_for_an_explanation_closes_without_one(desk: Office, asked: str) -> None:
    details = desk.desk.requests.get(asked)
    assert (details.request.state, details.missing) == ("partial", ("explanations",))
    assert "No list was explained yet." in str((details.effects["explanations"] or {})["detail"])
    with pytest.raises(RequestError, match="No list was explained yet"):
        desk.desk.exporter.answer(asked, ADA)
    for said in ({}, {"pending": True}):
        with pytest.raises(RequestError, match="was not made yet"):
            desk.desk.requests.act(asked, "closed", ADA, said)
    assert desk.desk.saga.work(asked, ADA).state == "partial"
    assert sum(each.detail.get("connector") == "explanations" for each in desk.desk.requests.get(asked).timeline) == 1


@pytest.mark.parametrize("place", ["registry", "folder"])
def test_an_answer_lacks_a_layer(desk: Office, asked: str, lines: tuple[bytes, ...], place: str) -> None:
    if place == "registry":
        registered(desk)
    bundles = (sample_folder(),) if place == "folder" else ()
    found = files(desk.desk.exporter.answer(asked, ADA, Brought(lines=lines, bundles=bundles)))
    told = [json.loads(line) for line in found["explanations/lists.jsonl"].splitlines()]
    assert [each["record"] for each in told] == [json.loads(line) for line in lines]
    for each in told:
        assert len(each["procedure"]) > 5
        assert set(each["counterfactual"]["before"]) == {item["item"] for item in each["record"]["items"]}
    page = found["explanations/lists.html"].decode()
    assert all(words in page for words in ("In plain words", "No person chose or changed any of them"))
    assert json.loads(found["manifest.json"])["files"]["explanations/lists.jsonl"]["records"] == 2
    details = desk.desk.requests.get(asked)
    assert (details.request.state, details.missing) == ("completed", ())
    assert (details.effects["explanations"] or {})["records"] == 2
    assert desk.desk.requests.act(asked, "closed", ADA).state == "closed"


def test_the_explanation_is_in_no_other_language(desk: Office, asked: str, lines: tuple[bytes, ...]) -> None:
    brought = Brought(lines=lines[:1], bundles=(sample_folder(),), words=words_of("de"))
    assert b'lang="de"' in files(desk.desk.exporter.answer(asked, ADA, brought))["explanations/lists.html"]


def test_nothing_of_the_records_leaves_the_answer(desk: Office, asked: str, lines: tuple[bytes, ...]) -> None:
    desk.desk.exporter.answer(asked, ADA, Brought(lines=lines, bundles=(sample_folder(),)))
    item = json.loads(lines[0])["items"][0]["item"]
    kept = (each for each in desk.settings.folder.rglob("*") if each.is_file())
    assert not [each.name for each in kept if item.encode() in each.read_bytes()]
    # So whoever makes the answer again brings them again, or the person gets one without.
    with pytest.raises(RequestError, match="give them again"):
        desk.desk.exporter.answer(asked, ADA)


def changed(line: bytes) -> bytes:
    return line.replace(b'"score":"', b'"score":"1', 1)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda lines: (lines[0], changed(lines[1])), "was changed since it was made"),
        (lambda _: (b"{}",), "neither an explanation record"),
        (lambda _: (b" ",), "0 records were given"),
        (lambda lines: lines[:1] * (MOST_RECORDS + 1), "1,001 records were given"),
    ],
)
def test_a_list_is_explained_that_was_never_made_so(
    desk: Office, asked: str, lines: tuple[bytes, ...], make: Callable[..., tuple[bytes, ...]], problem: str
) -> None:
    before = desk.desk.requests.get(asked)
    with pytest.raises(RequestError, match=problem):
        desk.desk.exporter.answer(asked, ADA, Brought(lines=make(lines), bundles=(sample_folder(),)))
    assert desk.desk.requests.get(asked) == before


def test_a_list_is_explained_by_another_bundle(desk: Office, asked: str, lines: tuple[bytes, ...]) -> None:
    with pytest.raises(RequestError, match="not registered here and was not given"):
        desk.desk.exporter.answer(asked, ADA, Brought(lines=lines))


def test_an_officer_says_why_there_is_none_without_evidence(desk: Office, asked: str) -> None:
    for said in ({}, {"reason": WHY["reason"]}, {"evidence": WHY["evidence"]}):
        with pytest.raises(RequestError, match="to be unexplained, a request needs"):
            desk.desk.requests.act(asked, "unexplained", ADA, said)


def test_an_answer_does_not_say_why_there_is_no_explanation(desk: Office, asked: str) -> None:
    desk.desk.requests.act(asked, "unexplained", ADA, WHY)
    brought = Brought(bundles=(sample_folder(),))
    with pytest.raises(RequestError, match="who decides about the processing"):
        desk.desk.exporter.answer(asked, ADA, brought)
    with_controller(desk)
    with pytest.raises(RequestError, match="no bundle is in production"):
        desk.desk.exporter.answer(asked, ADA)
    with pytest.raises(RequestError, match="copy was not made yet"):
        desk.desk.requests.act(asked, "closed", ADA)
    found = files(desk.desk.exporter.answer(asked, ADA, brought))
    why = found["explanations/why-none.html"].decode()
    assert "The records are on your device only." in why
    assert "Films Ltd." in why
    assert "receipt" not in why
    assert b"Main parameters" in found["explanations/how-lists-are-made.html"]
    assert desk.desk.requests.act(asked, "closed", ADA).state == "closed"


def test_it_is_said_that_there_is_none_of_lists_that_were_explained(
    desk: Office, asked: str, lines: tuple[bytes, ...]
) -> None:
    # Records that come after all count; a reason after them does not.
    desk.desk.requests.act(asked, "unexplained", ADA, WHY)
    desk.desk.exporter.answer(asked, ADA, Brought(lines=lines, bundles=(sample_folder(),)))
    assert (desk.desk.requests.get(asked).effects["explanations"] or {})["outcome"] == "done"
    with pytest.raises(RequestError, match="has its explanation"):
        desk.desk.requests.act(asked, "unexplained", ADA, WHY)


def test_a_request_of_another_kind_explains_lists(desk: Office, lines: tuple[bytes, ...]) -> None:
    request = desk.opened("access")
    desk.desk.saga.work(request.id, ADA)
    assert "explanations" not in desk.desk.requests.get(request.id).effects
    with pytest.raises(RequestError, match="explains no lists"):
        desk.desk.exporter.answer(request.id, ADA, Brought(lines=lines, bundles=(sample_folder(),)))
    with pytest.raises(RequestError, match="of the kind access"):
        desk.desk.requests.act(request.id, "unexplained", ADA, WHY)


def test_an_answer_that_could_not_be_made_is_left_as_an_empty_file(desk: Office, asked: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.zip"
    with pytest.raises(RequestError):
        desk.desk.exporter.write(asked, path, ADA)
    assert not path.exists()
    path.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match="left alone"):
        desk.desk.exporter.write(asked, path, ADA)
    assert path.read_bytes() == b"somebody's"


def test_the_copy_in_an_explanation_is_somebody_elses(desk: Office, asked: str, lines: tuple[bytes, ...]) -> None:
    found = files(desk.desk.exporter.answer(asked, ADA, Brought(lines=lines, bundles=(sample_folder(),))))
    assert PERSON in found["interactions.csv.jsonl"].decode()
