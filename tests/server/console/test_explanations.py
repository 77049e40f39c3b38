"""A record that was changed passes, one that was not is refused, or one stays behind."""

import random
import re
from collections.abc import Iterator
from html import unescape

import msgspec
import pytest

from homespun.explain.recording import record_of
from homespun.model.sample import open_sample, sample_folder
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.protocol.records import ExplanationRecord
from homespun.ranking.decision import decide
from homespun.ranking.default import DEFAULT
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings
from homespun_server.store import AuditLog
from tests.server.api.support import Running, store_of
from tests.server.console.support import Browser, Seen, browsing, console, words_of

PATH = "/console/explanations"


@pytest.fixture(scope="module")
def record() -> ExplanationRecord:
    bundle = open_sample()
    try:
        items = random.Random(5).sample(bundle.items, 9)
        events = [Event(item, "like", 1.7e9 + 3600 * at) for at, item in enumerate(items)]
        request = Request(k=5, now=1.71e9, surface="home", seed=1)
        inputs = Inputs(events, Steering(), {})
        return record_of(decide(Compiled(bundle, DEFAULT).beside(), inputs, request), {"personalization": 1})
    finally:
        bundle.close()


@pytest.fixture
def with_sample(bare: ServerSettings) -> Iterator[Running]:
    with store_of(bare) as store:
        open_registry(bare, store).add(sample_folder(), lineage={}, gates={})
    with console(bare) as service:
        yield service


def bring(browser: Browser, text: str) -> Seen:
    return browser.send(PATH, record=text)


def test_a_record_does_not_come_out_again(
    with_sample: Running, record: ExplanationRecord, bare: ServerSettings
) -> None:
    text = msgspec.json.encode(record).decode()
    with browsing(with_sample, "auditor") as browser:
        seen = bring(browser, text)
        assert seen.status == 200
        assert "It comes out again, number by number" in seen.text
        bundle = open_sample()
        titles = [bundle.title(item.item) for item in record.items]
        bundle.close()
        headings = [unescape(each) for each in re.findall(r'<h3 id="item-\d+">(.*?)</h3>', seen.text)]
        assert headings == [f"{place}. {title}" for place, title in enumerate(titles, 1)]
        assert not set(titles) & {item.item for item in record.items}
        for item in record.items:
            assert item.item in seen.text
            assert f"{item.score:.6f}" in seen.text
        assert "+0.0e" not in seen.text
        assert len([each for each in seen.all("rect") if each.get("class") in ("series-0", "negative")]) >= 5
        pretty = msgspec.json.format(text.encode(), indent=2).decode()
        assert "It comes out again" in bring(browser, pretty).text
        token = browser.get(PATH).token
        uploaded = browser.post(PATH, {"form_token": token}, files={"file": ("record.json", text.encode())})
        assert "It comes out again" in uploaded.text
    with store_of(bare) as store:
        looked = [each for each in AuditLog(store).entries() if each.action == "view-explanation"]
        stored = b"".join(path.read_bytes() for path in bare.folder.glob("store.sqlite*"))
    assert [each.subject for each in looked] == [record.digest] * 3
    assert not any(item.item.encode() in stored for item in record.items)


def test_a_record_that_was_changed_passes(with_sample: Running, record: ExplanationRecord) -> None:
    first = msgspec.structs.replace(record.items[0], score=record.items[0].score + 1)
    changed = msgspec.structs.replace(record, items=(first, *record.items[1:]))
    with browsing(with_sample, "compliance") as browser:
        for each in (changed, changed.sealed()):
            seen = bring(browser, msgspec.json.encode(each).decode())
            assert seen.status == 200
            assert "does not come out" in seen.text
            assert "It comes out again" not in seen.text


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"schema": 3}', "\x00", "[" * 3000, '{"case": "7"}'])
def test_what_is_no_record_breaks_the_page(with_sample: Running, text: str) -> None:
    with browsing(with_sample, "operator") as browser:
        seen = bring(browser, text)
    assert seen.status == 422
    assert 'role="alert"' in seen.text


def test_a_record_of_an_unknown_bundle_is_shown_as_verified(with_sample: Running, record: ExplanationRecord) -> None:
    unknown = msgspec.structs.replace(record, bundle="0" * 64).sealed()
    with browsing(with_sample, "operator") as browser:
        seen = bring(browser, msgspec.json.encode(unknown).decode())
    assert seen.status == 422
    assert "no bundle" in words_of(seen.text).lower()


def test_a_record_of_any_length_is_read(with_sample: Running) -> None:
    with browsing(with_sample, "operator") as browser:
        assert bring(browser, "x" * (1 << 21)).status == 413
