from pathlib import Path

import pytest

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.profile import Key, ProfileStore, erase
from tests.sdk.profile.support import EVENTS, QUICK, raw_key, traces

NOTICE = "We would like to remember what you watched."
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice(NOTICE), now=1, surface="first-run-screen")
WORDS = [
    *(event.item for event in EVENTS if event.item != "plain"),
    "watched-wholly",
    "kitchen-tv",
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
def test_no_word_of_the_profile_is_on_the_disk_open_closed_or_erased(tmp_path: Path, key: Key) -> None:
    folder = tmp_path / "profile"
    store = ProfileStore.create(folder, key, settings=QUICK)
    store.add_consent(*RECORDS)
    for _ in range(50):
        store.add_events(EVENTS)
    assert (folder / "profile.db-wal").stat().st_size > 0
    assert traces(tmp_path, WORDS) == []
    store.close()
    assert traces(tmp_path, WORDS) == []
    with ProfileStore.open(folder, key, settings=QUICK) as again:
        assert again.events() == EVENTS * 50
        assert traces(tmp_path, WORDS) == []
        erase(folder, again)
    assert traces(tmp_path, WORDS) == []
    assert list(tmp_path.iterdir()) == []


def test_the_data_key_is_never_on_the_disk(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def watched(size: int) -> bytes:
        drawn.append(bytes(range(100 + len(drawn), 100 + len(drawn) + size)))
        return drawn[-1]

    with ProfileStore.create(tmp_path / "profile", raw_key(), entropy=watched) as store:
        store.add_events(EVENTS)
        secrets = [drawn[0], bytes(range(32))]
        for path in (tmp_path / "profile").iterdir():
            data = path.read_bytes()
            assert not any(secret in data or secret.hex().encode() in data for secret in secrets)
