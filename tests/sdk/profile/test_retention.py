"""How long events are kept: nothing longer, and nothing that is to be kept goes."""

import itertools
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.config import Retention, Settings
from homespun.errors import DamagedProfileError, LostKeyError
from homespun.profile import Key, Selection, open_profile
from homespun.profile.index import read_index
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.profile.retention import LOG_DAYS, Retainer
from homespun.profile.schema import EPOCH, MAIN
from homespun.profile.secret import Secret
from homespun.profile.vault import open_vault
from homespun.protocol.events import Event
from tests.sdk.profile.erasing import MemoryKeyStore
from tests.sdk.profile.support import (
    NOW,
    QUICK,
    connection_of,
    created,
    items_of,
    log_of,
    opened,
    place_at,
    raw_key,
    record,
    vault_of,
    vaults_of,
)
from tests.sdk.profile.test_store import decision_about

DAY = 86_400.0
HOUR = 3600.0


def keeping(days: float | None = None, events: int | None = None, **of: Retention) -> Settings:
    return replace(QUICK, epoch_days=10, retention=Retention(days=days, events=events), retention_of=of)


def keys_inside(folder: Path) -> dict[str, bytes]:
    """The vaults' keys that the closed profile's main database holds."""
    file = read_key_file(folder)
    assert isinstance(file, KeyFile)
    main = open_vault(folder / file.database, raw_key().unseal(file), MAIN, QUICK)
    try:
        return {row.name: row.key.reveal() for row in read_index(main) if row.key is not None}
    finally:
        main.close()


def test_an_event_is_kept_for_longer_than_its_days(tmp_path: Path) -> None:
    folder, settings = tmp_path / "profile", keeping(days=30)
    with created(folder, settings=settings) as store:
        record(store, Event("first"))
        record(store, Event("second"), now=NOW + 5 * DAY)
        assert record(store, Event("third"), now=NOW + 30 * DAY - 1) == 1
        assert items_of(store) == ["first", "second", "third"]
        record(store, Event("fourth"), now=NOW + 31 * DAY)
        assert items_of(store) == ["second", "third", "fourth"]
    with opened(folder, settings=settings, now=NOW + 35 * DAY + HOUR) as store:
        assert items_of(store) == ["third", "fourth"]


def test_an_event_is_kept_for_longer_because_it_says_that_it_happens_later(tmp_path: Path) -> None:
    """Age counts from the recording: the event's own time is what the application, or an import, says."""
    with created(tmp_path / "profile", settings=keeping(days=30)) as store:
        record(store, Event("future", time=NOW + 1000 * DAY), Event("past", time=1.0))
        record(store, Event("later"), now=NOW + 29 * DAY)
        assert items_of(store) == ["future", "past", "later"]
        record(store, Event("latest"), now=NOW + 31 * DAY)
        assert items_of(store) == ["later", "latest"]


def test_a_kind_with_a_rule_of_its_own_is_kept_for_as_long_as_the_others(tmp_path: Path) -> None:
    settings = keeping(days=60, rate=Retention(days=5), buy=Retention(days=1000))
    with created(tmp_path / "profile", settings=settings) as store:
        record(store, Event("a", "rate"), Event("b", "view"), Event("c", "buy"))
        record(store, Event("d"), now=NOW + 6 * DAY)
        assert items_of(store) == ["b", "c", "d"]
        record(store, Event("e"), now=NOW + 61 * DAY)
        # No rule keeps a kind for longer than all events are kept.
        assert items_of(store) == ["d", "e"]


def test_without_limits_something_goes(tmp_path: Path) -> None:
    with created(tmp_path / "profile", settings=keeping()) as store:
        for year in range(5):
            record(store, Event(f"item-{year}"), now=NOW + year * 60 * DAY)
        record(store, Event("last"), now=NOW + 5000 * DAY)
        record(store, Event("last"), now=NOW + 5002 * DAY)
        assert len(store.events()) == 7


@pytest.mark.parametrize("outside", [False, True], ids=["keys inside", "keys outside"])
def test_an_epoch_that_expired_can_still_be_read_from_an_old_copy(tmp_path: Path, *, outside: bool) -> None:
    folder, settings, keys = tmp_path / "profile", keeping(days=30), MemoryKeyStore()
    options: dict[str, Any] = {"key_store": keys} if outside else {}
    with created(folder, settings=settings, **options) as store:
        record(store, Event("secret"))
    expiring = vault_of(folder, "epoch")
    copy = tmp_path / expiring.name
    shutil.copy(expiring, copy)
    key = keys.keys[f"{store.profile_id}/{expiring.name}"] if outside else keys_inside(folder)[expiring.name]
    # The key is the right one, as long as it exists.
    open_vault(copy, Secret(key), EPOCH, QUICK).close()

    with opened(folder, settings=settings, now=NOW + 20 * DAY, **options) as store:
        record(store, Event("new"), now=NOW + 20 * DAY)
        record(store, Event("newer"), now=NOW + 40 * DAY)
        assert items_of(store) == ["new", "newer"]
        assert not expiring.exists()
        # At most one page was written since the key went, that of the settings.
        assert log_of(vault_of(folder, "profile")).stat().st_size <= 32 + 24 + 2048
        plain = connection_of(store).serialize("main")
    assert b"epoch-" in plain
    assert key not in plain
    assert key not in {*keys_inside(folder).values(), *keys.keys.values()}
    assert expiring.name not in {row.name for row in store.vaults.epochs}
    others = {*keys_inside(folder).values()} | {*keys.keys.values()}
    assert len(others) == len(vaults_of(folder)) - 1
    for other in others:
        with pytest.raises((apsw.NotADBError, DamagedProfileError)):
            open_vault(copy, Secret(other), EPOCH, QUICK)


def test_an_expired_epoch_comes_back_with_a_backup_of_the_whole_folder(tmp_path: Path) -> None:
    """With the keys outside, a restored backup shows nothing of an epoch that expired since."""
    folder, settings, keys = tmp_path / "profile", keeping(days=30), MemoryKeyStore()
    with created(folder, settings=settings, key_store=keys) as store:
        record(store, Event("secret"))
    shutil.copytree(folder, tmp_path / "backup")
    with opened(folder, settings=settings, now=NOW + 40 * DAY, key_store=keys) as store:
        record(store, Event("new"), now=NOW + 40 * DAY)
        record(store, Event("newer"), now=NOW + 80 * DAY)
    with (
        pytest.raises(LostKeyError, match="key"),
        opened(tmp_path / "backup", settings=settings, key_store=keys) as restored,
    ):
        restored.events()


def test_what_was_taken_out_of_an_open_epoch_stays_in_its_file_or_log(tmp_path: Path) -> None:
    folder, settings = tmp_path / "profile", keeping(days=2)
    with created(folder, settings=settings) as store:
        record(store, *[Event(f"secret-item-{number}") for number in range(200)])
        record(store, Event("stays"), now=NOW + DAY)
        record(store, Event("new"), now=NOW + 2.5 * DAY)
        assert items_of(store) == ["stays", "new"]
        assert log_of(vault_of(folder, "epoch")).stat().st_size == 0
        connection = connection_of(store, "epoch")
        assert b"stays" in connection.serialize("main")
        assert b"secret-item" not in connection.serialize("main")


def test_an_epoch_that_was_emptied_while_it_was_open_keeps_its_key_for_ever(tmp_path: Path) -> None:
    folder, settings = tmp_path / "profile", keeping(events=3)
    with created(folder, settings=settings) as store:
        record(store, *[Event(f"old-{number}") for number in range(3)])
        record(store, *[Event(f"new-{number}") for number in range(3)], now=NOW + 11 * DAY)
        assert items_of(store) == ["new-0", "new-1", "new-2"]
        assert len(vaults_of(folder, "epoch")) == 1
        record(store, *[Event(f"newer-{number}") for number in range(3)], now=NOW + 12 * DAY)
        store.forget(Selection())
    with opened(folder, settings=settings, now=NOW + 22 * DAY) as store:
        # The epoch is empty, and still the open one.
        assert len(vaults_of(folder, "epoch")) == 1
        record(store, Event("newest"), now=NOW + 23 * DAY)
    with opened(folder, settings=settings, now=NOW + 24 * DAY) as store:
        assert items_of(store) == ["newest"]
        assert len(vaults_of(folder, "epoch")) == 1


def test_the_oldest_go_too_early_or_too_late_by_number(tmp_path: Path) -> None:
    with created(tmp_path / "profile", settings=keeping(events=100)) as store:
        for number in range(250):
            record(store, Event(f"item-{number}"), now=NOW + number * HOUR)
            kept = items_of(store)
            assert kept == [f"item-{each}" for each in range(number + 1 - len(kept), number + 1)]
            assert len(kept) <= 100
            assert len(kept) >= min(number + 1, 100 - 100 // 32)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_small_limit_keeps_more_or_less_than_it_says(tmp_path: Path, most: int) -> None:
    with created(tmp_path / "profile", settings=keeping(events=most)) as store:
        for number in range(5):
            record(store, Event(f"item-{number}"))
            assert items_of(store) == [f"item-{each}" for each in range(max(0, number + 1 - most), number + 1)]


def test_one_import_is_larger_than_the_limit(tmp_path: Path) -> None:
    with created(tmp_path / "profile", settings=keeping(events=50)) as store:
        record(store, *[Event(f"item-{number}") for number in range(500)])
        assert items_of(store) == [f"item-{number}" for number in range(451, 500)]


def test_a_limit_of_one_kind_takes_events_of_another(tmp_path: Path) -> None:
    settings = keeping(events=100, view=Retention(events=10))
    with created(tmp_path / "profile", settings=settings) as store:
        record(store, *[Event(f"view-{number}") for number in range(60)])
        record(store, *[Event(f"rate-{number}", "rate") for number in range(60)])
        assert items_of(store) == [
            *(f"view-{number}" for number in range(50, 60)),
            *(f"rate-{number}" for number in range(60)),
        ]


def test_repeating_known_events_makes_others_too_many(tmp_path: Path) -> None:
    with created(tmp_path / "profile", settings=keeping(events=20)) as store:
        record(store, *[Event(f"item-{number}", id=f"id-{number}") for number in range(20)])
        for _ in range(5):
            record(store, *[Event(f"item-{number}", id=f"id-{number}") for number in range(20)])
            record(store, Event("item-3", id="id-3"))
        assert len(store.events()) == 20


def test_two_programs_together_keep_more_than_one_may(tmp_path: Path) -> None:
    folder, settings = tmp_path / "profile", keeping(events=40)
    with created(folder, settings=settings) as one, opened(folder, settings=settings) as other:
        for number in range(100):
            record(one if number % 3 else other, Event(f"item-{number}"))
            assert len(one.events()) == len(other.events()) <= 40
        record(other, *[Event(f"many-{number}") for number in range(39)])
        record(one, Event("last"))
        assert len(one.events()) <= 40
        assert items_of(one)[-1] == "last"


@pytest.mark.parametrize(
    "stricter",
    [keeping(days=1, events=100), keeping(events=3), keeping(view=Retention(days=1))],
    ids=["days", "number", "kind"],
)
def test_stricter_settings_count_only_for_what_comes(tmp_path: Path, stricter: Settings) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=keeping(days=50, events=100)) as store:
        for number in range(6):
            record(store, Event(f"item-{number}"), now=NOW + number * DAY)
    with opened(folder, settings=stricter, now=NOW + 5.5 * DAY) as store:
        kept = items_of(store)
        assert kept == [f"item-{number}" for number in range(6 - len(kept), 6)]
        assert len(kept) == (3 if stricter.retention.events == 3 else 1)
    # Without a moment in between.
    with opened(folder, settings=keeping(events=0), now=NOW + 5.5 * DAY) as store:
        assert store.events() == []


def test_somebody_who_only_looks_deletes_by_their_own_settings(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=keeping(days=1000, events=7)) as store:
        record(store, *[Event("a")] * 5)
    with opened(folder, settings=keeping(events=0)) as store:
        assert store.events() == []
    with created(tmp_path / "other", settings=keeping(days=1000, events=7)) as store:
        record(store, *[Event("a")] * 5)
        store.tend(NOW)
    with open_profile(place_at(tmp_path / "other", settings=keeping(events=0)), NOW + 900 * DAY) as store:
        store.tend(NOW + 900 * DAY, enforce=False)
        assert len(store.events()) == 5
        assert store.retention()[""] == Retention(days=1000, events=7)


def test_explanations_and_exposures_are_kept_longer_than_events(tmp_path: Path) -> None:
    with created(tmp_path / "profile", settings=keeping(days=30)) as store:
        record(store, Event("a"))
        store.add_decisions(lambda _: True, [decision_about("a")], NOW)
        store.add_exposures(lambda _: True, ["a"], NOW)
        record(store, Event("b"), now=NOW + 31 * DAY)
        assert (items_of(store), store.decisions(), store.exposures(0)) == (["b"], [], {})


def test_explanations_and_exposures_are_kept_for_ever_where_events_are(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=keeping()) as store:
        for day in (0, LOG_DAYS - 1):
            store.add_decisions(lambda _: True, [decision_about(f"at-{day:.0f}")], NOW + day * DAY)
            store.add_exposures(lambda _: True, [f"at-{day:.0f}"], NOW + day * DAY)
            store.tend(NOW + day * DAY)
    for day in (50, 100, 150, 200, 250, 300, 350):
        opened(folder, settings=keeping(), now=NOW + day * DAY).close()
    with opened(folder, settings=keeping(), now=NOW + (LOG_DAYS + 2) * DAY) as store:
        assert [each.items[0].item for each in store.decisions()] == [f"at-{LOG_DAYS - 1:.0f}"]
        assert store.exposures(0) == {f"at-{LOG_DAYS - 1:.0f}": 1}
        # The epoch in which nothing is left any more is gone.
        assert len(vaults_of(folder, "epoch")) == 1


def test_a_memory_profile_keeps_everything(tmp_path: Path) -> None:
    with created(None, Key.ephemeral(), settings=keeping(days=5, events=10)) as store:
        record(store, *[Event(f"item-{number}") for number in range(50)])
        assert len(store.events()) == 10
        record(store, Event("new"), now=NOW + 11 * DAY)
        assert items_of(store) == ["new"]
        assert len(store.vaults.epochs) == 1


def test_retention_that_fails_makes_a_recording_fail_that_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded is acknowledged; what has to go goes with a later recording, or at the next opening."""
    folder, settings = tmp_path / "profile", keeping(days=1, events=50)
    with created(folder, settings=settings) as store:
        record(store, Event("old"))
        with monkeypatch.context() as patch:
            patch.setattr(Retainer, "_take_out", refuse)
            for number in range(3):
                assert record(store, Event(f"new-{number}"), now=NOW + 2 * DAY) == 1
            assert len(store.events()) == 4
        # Not at once again, because it may take long to fail.
        record(store, Event("new-3"), now=NOW + 2 * DAY + 1)
        assert len(store.events()) == 5
        record(store, Event("new-4"), now=NOW + 2 * DAY + 61)
        assert items_of(store) == [f"new-{number}" for number in range(5)]


def refuse(*_: object) -> None:
    raise apsw.FullError("database or disk is full")


def test_readers_in_other_programs_keep_deleted_rows_alive(tmp_path: Path) -> None:
    folder, settings = tmp_path / "profile", keeping(days=1)
    with created(folder, settings=settings) as store, opened(folder, settings=settings) as reader:
        record(store, Event("old"))
        assert items_of(reader) == ["old"]
        cursor = connection_of(reader, "epoch").execute("SELECT item FROM event UNION ALL SELECT 'more'")
        assert next(cursor) == ("old",)
        record(store, Event("new"), now=NOW + 2 * DAY)
        assert items_of(store) == ["new"]
        cursor.close()
        assert items_of(reader) == ["new"]
        record(store, Event("newer"), now=NOW + 3.5 * DAY)
        assert log_of(vault_of(folder, "epoch")).stat().st_size == 0


events = st.tuples(st.sampled_from(["view", "rate", "buy"]), st.integers(1, 12), st.sampled_from([0.0, 0.1, 1, 4]))
limits = st.builds(Retention, days=st.none() | st.integers(1, 30), events=st.none() | st.integers(0, 40))


@given(
    writes=st.lists(events, max_size=10),
    overall=limits,
    of=st.dictionaries(st.sampled_from(["view", "rate"]), limits, max_size=2),
    reopen=st.integers(1, 9),
)
def test_no_order_of_events_makes_retention_keep_too_much_or_too_little(
    tmp_path_factory: pytest.TempPathFactory,
    writes: list[tuple[str, int, float]],
    overall: Retention,
    of: dict[str, Retention],
    reopen: int,
) -> None:
    settings = replace(QUICK, epoch_days=3, retention=overall, retention_of=of)
    folder = tmp_path_factory.mktemp("model") / "profile"
    model: list[tuple[Event, float]] = []
    numbers, now = itertools.count(), NOW
    store = created(folder, settings=settings)
    try:
        for turn, (kind, many, days) in enumerate(writes):
            now += days * DAY
            batch = [Event(f"item-{next(numbers)}", kind) for _ in range(many)]
            record(store, *batch, now=now)
            model += [(event, now) for event in batch]
            if turn % reopen == 0:
                store.close()
                store = opened(folder, settings=settings, now=now)
            check_model(store.events(), model, settings, now)
            kept = set(store.events())
            model = [(event, at) for event, at in model if event in kept]
    finally:
        store.close()


def check_model(kept: list[Event], model: list[tuple[Event, float]], settings: Settings, now: float) -> None:
    """Check what is kept: nothing that is not in the model, nothing that must go, everything that must stay."""
    order = {event: place for place, (event, _) in enumerate(model)}
    places = [order[event] for event in kept]
    assert places == sorted(places)
    rules = {**settings.retention_of, "": settings.retention}
    counts = Counter(event.kind for event in kept)
    for kind, rule in rules.items():
        assert rule.events is None or (counts[kind] if kind else len(kept)) <= rule.events
    for event, recorded in model:
        days = [rule.days for kind, rule in rules.items() if rule.days is not None and kind in (event.kind, "")]
        # Age is looked at once an hour.
        if any(recorded + each * DAY + HOUR < now for each in days):
            assert event not in order or event not in kept
        elif event not in kept:
            assert is_surplus(event, model, rules) or any(recorded + each * DAY <= now for each in days)


def is_surplus(event: Event, model: list[tuple[Event, float]], rules: dict[str, Retention]) -> bool:
    """Whether so many came after it that it may be gone."""
    after = [later for later, _ in model[[each for each, _ in model].index(event) + 1 :]]
    return any(
        rule.events is not None
        and kind in (event.kind, "")
        and sum(later.kind == kind or not kind for later in after) >= rule.events - rule.events // 32
        for kind, rule in rules.items()
    )
