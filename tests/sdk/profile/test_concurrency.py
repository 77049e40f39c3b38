import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from homespun.config import Settings
from homespun.errors import ClosedError, HomespunError, MisuseError, ProfileBusyError
from homespun.profile import ProfileStore, Selection
from homespun.protocol.events import Event
from tests.sdk.profile.support import NOW, QUICK, created, items_of, opened, vaults_of
from tests.sdk.profile.support import record as add

THREADS = 8
EACH = 50
PATIENT = Settings(busy_timeout_ms=20_000)
DAY = 86_400.0

T = TypeVar("T")


def record(store: ProfileStore, thread: int) -> int:
    return sum(add(store, Event(f"item-{thread}-{number}")) or 0 for number in range(EACH))


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Do it in so many threads, which begin together."""
    barrier = threading.Barrier(threads)

    def begin(thread: int) -> T:
        barrier.wait()
        return work(thread)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def assert_nothing_lost(events: list[Event], added: list[int]) -> None:
    assert added == [EACH] * THREADS
    assert len(events) == THREADS * EACH
    for thread in range(THREADS):
        mine = [event.item for event in events if event.item.startswith(f"item-{thread}-")]
        assert mine == [f"item-{thread}-{number}" for number in range(EACH)]


def test_threads_that_share_a_store_lose_nothing(tmp_path: Path) -> None:
    with created(tmp_path / "profile") as store:
        added = at_once(lambda thread: record(store, thread))
        assert_nothing_lost(store.events(), added)


def test_threads_with_a_store_each_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    created(folder).close()

    def own(thread: int) -> int:
        with opened(folder, settings=PATIENT) as store:
            return record(store, thread)

    added = at_once(own)
    with opened(folder) as store:
        assert_nothing_lost(store.events(), added)
    assert len(vaults_of(folder, "epoch")) == 1


def test_an_event_that_many_record_at_once_under_one_id_counts_more_than_once(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    created(folder).close()

    def own(thread: int) -> int:
        with opened(folder, settings=PATIENT) as store:
            return sum(add(store, Event("item", id=f"id-{number}")) or 0 for number in range(EACH))

    assert sum(at_once(own)) == EACH
    with opened(folder) as store:
        assert len(store.events()) == EACH


def test_an_epoch_that_ends_for_many_at_once_is_followed_by_more_than_one_or_swallows_events(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    settings = Settings(busy_timeout_ms=20_000, epoch_days=1.0)
    with created(folder, settings=settings) as store:
        add(store, Event("first", id="shared"))

    def own(thread: int) -> int:
        with opened(folder, settings=settings, now=NOW + 2 * DAY) as store:
            added = [add(store, Event("first", id="shared"), now=NOW + 2 * DAY)]
            added += [add(store, Event(f"item-{thread}-{n}"), now=NOW + 2 * DAY) for n in range(10)]
            return sum(each or 0 for each in added)

    assert at_once(own) == [10] * THREADS
    with opened(folder, settings=settings, now=NOW + 2 * DAY) as store:
        items = items_of(store)
    assert items[0] == "first"
    assert sorted(items[1:]) == sorted(f"item-{thread}-{n}" for thread in range(THREADS) for n in range(10))
    assert len(vaults_of(folder, "epoch")) == 2


def test_an_erasure_of_a_part_while_others_record_loses_what_it_is_not_about(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    created(folder).close()
    goes = Selection(items=frozenset({"goes"}))

    def own(thread: int) -> int:
        with opened(folder, settings=PATIENT) as store:
            for number in range(EACH):
                if thread == 0 and number % 10 == 9:
                    store.forget(goes)
                elif thread == 1:
                    add(store, Event("goes"))
                assert add(store, Event(f"item-{thread}-{number}")) == 1
            return EACH

    added = at_once(own, 4)
    with opened(folder, settings=PATIENT) as store:
        store.forget(goes)
        items = items_of(store)
    assert "goes" not in items
    for thread in range(4):
        assert [item for item in items if item.startswith(f"item-{thread}-")] == [
            f"item-{thread}-{number}" for number in range(added[thread])
        ]
    assert len(vaults_of(folder)) == 3


def test_of_several_creations_at_once_one_wins_and_the_others_say_why(tmp_path: Path) -> None:
    def create(_: int) -> ProfileStore | HomespunError:
        try:
            store = created(tmp_path / "profile", settings=QUICK)
        except HomespunError as error:
            return error
        add(store, Event("mine"))
        return store

    results = at_once(create)
    winners = [result for result in results if isinstance(result, ProfileStore)]
    assert len(winners) == 1
    assert all(isinstance(result, MisuseError | ProfileBusyError) for result in results if result not in winners)
    assert len(winners[0].events()) == 1
    winners[0].close()


def test_closing_while_others_record_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    store = created(folder)
    started = threading.Event()

    def until_closed() -> int:
        acknowledged = 0
        try:
            while True:
                add(store, Event("item"))
                acknowledged += 1
                started.set()
        except ClosedError:
            return acknowledged

    with ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(until_closed) for _ in range(2)]
        started.wait()
        store.close()
        acknowledged = sum(count.result() for count in counts)
    with opened(folder) as again:
        assert len(again.events()) == acknowledged
