import base64
import json
from pathlib import Path
from typing import Any

import pytest

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.profile import Key, Selection, erase, rotate
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from tests.sdk.profile.erasing import MemoryKeyStore
from tests.sdk.profile.support import (
    EVENTS,
    NOW,
    consent,
    created,
    log_of,
    opened,
    place_at,
    raw_key,
    record,
    traces,
    vault_of,
    vaults_of,
)
from tests.sdk.profile.test_store import decision_about

NOTICE = "We would like to remember what you watched."
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice(NOTICE), now=1, surface="first-run-screen")
WORDS = [
    *(event.item for event in EVENTS if event.item != "plain"),
    "watched-wholly",
    "kitchen-tv",
    "secret-id",
    "hidden-film",
    "secret-language",
    "kept-by-an-experiment",
    "explained-film",
    "shown-film",
    "payload-to-send",
    NOTICE,
    NOTICE[10:30],
    "device_storage",
    "first-run-screen",
    "CREATE TABLE",
    "SQLite format 3",
    "very secret passphrase",
]


@pytest.fixture
def key(request: pytest.FixtureRequest) -> Key:
    return raw_key() if request.param == "bytes" else Key.passphrase("very secret passphrase")


def test_the_search_for_plain_text_finds_nothing_at_all(tmp_path: Path) -> None:
    for code in ("utf-8", "utf-16-le", "utf-16-be"):
        (tmp_path / code).write_bytes(b"\1\2" + "kitchen-tv".encode(code))
    assert len(traces(tmp_path, WORDS)) == 3


@pytest.mark.parametrize("key", ["bytes", "passphrase"], indirect=True)
def test_a_word_of_the_profile_is_on_the_disk_open_closed_rewritten_or_erased(tmp_path: Path, key: Key) -> None:
    folder = tmp_path / "profile"
    store = created(folder, key)
    consent(store, *RECORDS)
    for _ in range(50):
        record(store, *EVENTS)
    record(store, Event("film-of-secrets", id="secret-id"))
    store.extend_controls(lambda _: (entry((), "hide_item", "hidden-film", value=True, now=NOW),))
    store.set_attribute("language", "secret-language")
    store.keep_if(lambda _: True, "experiments", "kept-by-an-experiment", b"kept-by-an-experiment")
    store.add_decisions(lambda _: True, [decision_about("explained-film")], NOW)
    store.add_exposures(lambda _: True, ["shown-film"], NOW)
    store.extend_egress(lambda _: (), keep={1: b"payload-to-send"})
    assert all(log_of(path).stat().st_size > 0 for path in vaults_of(folder))
    assert traces(tmp_path, WORDS) == []
    record(store, *EVENTS, now=NOW + 40 * 86_400)
    assert traces(tmp_path, WORDS) == []
    store.close()
    assert traces(tmp_path, WORDS) == []
    rotate(place_at(folder, key), place_at(folder, key))
    assert traces(tmp_path, WORDS) == []
    with opened(folder, key, now=NOW + 41 * 86_400) as again:
        assert len(again.events()) == 51 * len(EVENTS) + 1
        again.forget(Selection(items=frozenset({EVENTS[0].item})))
        assert len(again.events()) == 51 * 2
        again.set_attribute("language", None)
        assert traces(tmp_path, WORDS) == []
        erase(folder, again)
    assert traces(tmp_path, WORDS) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("outside", [False, True], ids=["keys inside", "keys outside"])
def test_a_key_of_the_profile_is_on_the_disk(tmp_path: Path, *, outside: bool) -> None:
    drawn: list[bytes] = []

    def watched(size: int) -> bytes:
        drawn.append(bytes((100 + 7 * len(drawn) + place) % 256 for place in range(size)))
        return drawn[-1]

    keys = MemoryKeyStore()
    options: dict[str, Any] = {"key_store": keys} if outside else {}
    with created(tmp_path / "profile", entropy=watched, **options) as store:
        record(store, *EVENTS)
        record(store, *EVENTS, now=NOW + 40 * 86_400)
        secrets = {bytes(range(32)), *keys.keys.values()}
        assert len(secrets) == (4 if outside else 1)
        # The token of the tombstone is in the key file by design; nothing else of 32 bytes is.
        token = base64.b64decode(json.loads((tmp_path / "profile" / "key.json").read_bytes())["token"])
        secrets |= {each for each in drawn if len(each) == 32 and each != token}
        assert len(secrets) >= 5
        for path in (tmp_path / "profile").iterdir():
            data = path.read_bytes()
            spellings = [(each, each.hex().encode(), base64.b64encode(each)) for each in secrets]
            assert not any(spelling in data for each in spellings for spelling in each), path.name


def test_a_vault_starts_with_anything_but_its_layout_in_the_clear(tmp_path: Path) -> None:
    with created(tmp_path / "profile") as store:
        record(store, *EVENTS)
    for kind in ("profile", "state", "epoch"):
        data = vault_of(tmp_path / "profile", kind).read_bytes()
        assert data[16:24] == bytes.fromhex("0800020240402020")
        assert not any(start in data for start in (b"SQLite", b"homespun", b"event", b"sqlite_"))
        # What is left looks like chance: every byte occurs, and none much more often than another.
        counts = [data[24:].count(bytes([value])) for value in range(256)]
        assert min(counts) > 0
        assert max(counts) < 4 * len(data) / 256
