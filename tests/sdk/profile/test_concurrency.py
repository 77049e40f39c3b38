import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homespun.errors import HomespunError, MisuseError, ProfileBusyError
from homespun.profile import ProfileStore
from homespun.protocol.events import Event
from tests.sdk.profile.support import QUICK, raw_key

THREADS = 8
EACH = 50


def record(store: ProfileStore, thread: int, barrier: threading.Barrier) -> list[int]:
    barrier.wait()
    return [store.add_event(Event(f"item-{thread}-{number}")) for number in range(EACH)]


def assert_nothing_lost(events: list[Event], ids: list[list[int]]) -> None:
    assert sorted(identifier for each in ids for identifier in each) == list(range(1, THREADS * EACH + 1))
    for thread in range(THREADS):
        mine = [event.item for event in events if event.item.startswith(f"item-{thread}-")]
        assert mine == [f"item-{thread}-{number}" for number in range(EACH)]


def test_threads_that_share_a_store_lose_nothing(tmp_path: Path) -> None:
    barrier = threading.Barrier(THREADS)
    with ProfileStore.create(tmp_path / "profile", raw_key()) as store, ThreadPoolExecutor(THREADS) as pool:
        ids = list(pool.map(lambda thread: record(store, thread, barrier), range(THREADS)))
        assert_nothing_lost(store.events(), ids)


def test_threads_with_a_store_each_lose_nothing(tmp_path: Path) -> None:
    barrier = threading.Barrier(THREADS)
    folder = tmp_path / "profile"
    ProfileStore.create(folder, raw_key()).close()

    def own(thread: int) -> list[int]:
        with ProfileStore.open(folder, raw_key()) as store:
            return record(store, thread, barrier)

    with ThreadPoolExecutor(THREADS) as pool:
        ids = list(pool.map(own, range(THREADS)))
    with ProfileStore.open(folder, raw_key()) as store:
        assert_nothing_lost(store.events(), ids)


def test_of_several_creations_at_once_one_wins_and_the_others_say_why(tmp_path: Path) -> None:
    barrier = threading.Barrier(THREADS)

    def create(_: int) -> ProfileStore | HomespunError:
        barrier.wait()
        try:
            store = ProfileStore.create(tmp_path / "profile", raw_key(), settings=QUICK)
        except HomespunError as error:
            return error
        store.add_event(Event("mine"))
        return store

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(create, range(THREADS)))
    winners = [result for result in results if isinstance(result, ProfileStore)]
    assert len(winners) == 1
    assert all(isinstance(result, MisuseError | ProfileBusyError) for result in results if result not in winners)
    assert len(winners[0].events()) == 1
    winners[0].close()


def test_closing_while_others_record_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    store = ProfileStore.create(folder, raw_key())
    started = threading.Event()

    def until_closed() -> int:
        acknowledged = 0
        try:
            while True:
                store.add_event(Event("item"))
                acknowledged += 1
                started.set()
        except MisuseError:
            return acknowledged

    with ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(until_closed) for _ in range(2)]
        started.wait()
        store.close()
        acknowledged = sum(count.result() for count in counts)
    with ProfileStore.open(folder, raw_key()) as again:
        assert len(again.events()) == acknowledged
