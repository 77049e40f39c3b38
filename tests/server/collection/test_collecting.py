"""What would make a collector charge twice, reveal for nothing, or keep a sum that is none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.task import Task, encode_task
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_pairs
from homespun_server.accounts import open_ledger
from homespun_server.collection.collecting import Collected, Collector
from homespun_server.collection.messages import Collection
from homespun_server.collection.revealing import range_of, revealed
from homespun_server.errors import AggregationError, BelowMinimumError, BudgetExceededError, ReleaseFileError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.release import digest_of
from tests.sdk.protocol.collection.support import narrow
from tests.server.collection import killed_collector
from tests.server.collection.batches import ROOT, Vector, asked, checksum, collection_of, sealed

PRIVATE = X25519PrivateKey.generate()
TASK = asked(PRIVATE)
VECTORS = [np.array(values, np.int64) for values in ([8192, 0, 0, 0], [0, 5792, 5792, 0], [4729, 4729, 0, 4729])]
SUM = np.sum(VECTORS, axis=0)

Spoil = Callable[[Collection], Collection]


def ledger_of(policy: BudgetPolicy | None = None) -> BudgetLedger:
    ledger = BudgetLedger(MemoryLog(), "fleet", clock=lambda: 1e9)
    ledger.open(policy or BudgetPolicy())
    return ledger


def collector(folder: Path, ledger: BudgetLedger | None = None) -> Collector:
    return Collector(PRIVATE, ledger or ledger_of(), folder)


def never(_: Task) -> Collection:
    raise AssertionError("asked")


@pytest.mark.parametrize("paired", [False, True])
def test_the_sum_of_shares_is_another_than_the_sum_of_vectors(*, paired: bool) -> None:
    task, vectors, expected = TASK, VECTORS, SUM
    if paired:
        # More numbers than are looked at one by one.
        universe = universe_of([str(item) for item in range(30)])
        task = asked(PRIVATE, narrow(item_pairs(universe, [1] * 30)))
        rng = np.random.default_rng(0)
        vectors = [_within(rng.integers(0, 300, 435), task.statistic.l2_bound) for _ in range(3)]
        expected = np.sum(vectors, axis=0)
    assert np.array_equal(revealed(task, collection_of(task, vectors, sigma=0), PRIVATE), expected)


def _within(vector: Vector, bound: int) -> Vector:
    assert vector @ vector <= bound**2
    return vector


def test_one_of_the_noises_is_left_out(tmp_path: Path) -> None:
    found = [
        collector(tmp_path / str(number)).collect(TASK, lambda task: collection_of(task, VECTORS)).release.values - SUM
        for number in range(60)
    ]
    noise = np.concatenate(found)
    assert abs(noise.std() / (np.sqrt(2) * TASK.sigma) - 1) < 0.2
    assert abs(noise.std() / TASK.sigma - 1) > 0.2


def test_something_is_asked_before_it_is_charged(tmp_path: Path) -> None:
    ledger = ledger_of()

    def ask(task: Task) -> Collection:
        (spent,) = ledger.state().spends
        assert (spent.task, spent.spend.sigma, spent.spend.rho) == (task.id.hex(), task.sigma, task.rho)
        return collection_of(task, VECTORS)

    collector(tmp_path, ledger).collect(TASK, ask)


def test_what_the_budget_does_not_allow_is_asked_for(tmp_path: Path) -> None:
    ledger = ledger_of(BudgetPolicy(epsilon=0.5))
    with pytest.raises(BudgetExceededError):
        collector(tmp_path, ledger).collect(TASK, never)
    assert ledger.state().spends == ()


def test_a_task_of_another_collector_is_charged(tmp_path: Path) -> None:
    ledger = ledger_of()
    with pytest.raises(AggregationError, match="another one"):
        collector(tmp_path, ledger).collect(asked(X25519PrivateKey.generate()), never)
    assert ledger.state().spends == ()


def test_a_collected_task_is_asked_for_again(tmp_path: Path) -> None:
    ledger = ledger_of()
    first = collector(tmp_path, ledger).collect(TASK, lambda task: collection_of(task, VECTORS))
    again = collector(tmp_path, ledger).collect(TASK, never)
    assert (again.about, again.release.sigma, again.release.task) == (first.about, first.release.sigma, TASK.id.hex())
    assert np.array_equal(again.release.values, first.release.values)
    assert len(ledger.state().spends) == 1


def test_a_batch_that_is_too_small_is_charged_for_each_look(tmp_path: Path) -> None:
    ledger = ledger_of()

    def too_few(_: Task) -> Collection:
        raise BelowMinimumError

    for _ in range(3):
        with pytest.raises(BelowMinimumError):
            collector(tmp_path, ledger).collect(TASK, too_few)
    assert [each.released for each in ledger.state().spends] == [None]
    found = collector(tmp_path, ledger).collect(TASK, lambda task: collection_of(task, VECTORS))
    assert [each.released for each in ledger.state().spends] == [digest_of(found.release.values)]


def test_the_kept_numbers_are_exchanged(tmp_path: Path) -> None:
    ledger, other = ledger_of(), asked(PRIVATE, name="other-films")
    for task in (TASK, other):
        collector(tmp_path, ledger).collect(task, lambda of: collection_of(of, VECTORS))
    (tmp_path / f"{TASK.id.hex()}.parquet").write_bytes((tmp_path / f"{other.id.hex()}.parquet").read_bytes())
    with pytest.raises(ReleaseFileError, match="named by"):
        collector(tmp_path, ledger).collect(TASK, never)
    (tmp_path / f"{other.id.hex()}.json").unlink()
    with pytest.raises(ReleaseFileError, match="missing"):
        collector(tmp_path, ledger).collect(other, never)


def _short(found: Collection) -> Collection:
    share = np.zeros(3, np.uint64)
    return msgspec.structs.replace(found, helper=sealed(TASK, "helper", share, 3))


def _beyond(found: Collection) -> Collection:
    share = np.full(4, TASK.modulus, np.uint64)
    return msgspec.structs.replace(found, helper=sealed(TASK, "helper", share, 3))


def _noise_of_nothing(found: Collection) -> Collection:
    share = np.full(4, 1 << 30, np.uint64)
    return msgspec.structs.replace(found, helper=sealed(TASK, "helper", share, 3))


_SPOILED: dict[str, tuple[Spoil, str]] = {
    "another task's": (lambda found: msgspec.structs.replace(found, task="ab" * 32), "another task"),
    "from one party": (lambda found: msgspec.structs.replace(found, development=True), "another task"),
    "of one person": (lambda found: msgspec.structs.replace(found, count=1), "says that it added"),
    "of more than declared": (lambda found: msgspec.structs.replace(found, count=10_001), "says that it added"),
    "of another number": (lambda found: msgspec.structs.replace(found, count=4), "does not open"),
    "of other reports": (lambda found: msgspec.structs.replace(found, checksum=checksum(2)), "does not open"),
    "exchanged": (lambda found: msgspec.structs.replace(found, leader=found.helper, helper=found.leader), "not open"),
    "changed": (lambda found: msgspec.structs.replace(found, helper=found.helper[:-1] + b"\x00"), "helper's sum"),
    "short": (_short, "helper's sum"),
    "no share": (_beyond, "beyond the task's modulus"),
    "of something else": (_noise_of_nothing, "Leader or helper added something else"),
}


@pytest.mark.parametrize("spoiled", _SPOILED)
def test_a_collection_is_used_that_is(spoiled: str, tmp_path: Path) -> None:
    spoil, told = _SPOILED[spoiled]
    ledger = ledger_of()
    with pytest.raises(AggregationError, match=told):
        collector(tmp_path, ledger).collect(TASK, lambda task: spoil(collection_of(task, VECTORS)))
    # Charged, and nothing kept.
    assert [each.released for each in ledger.state().spends] == [None]
    assert list(tmp_path.iterdir()) == []


def test_an_honest_sum_at_its_very_end_is_refused() -> None:
    most = [np.array([8192, 0, 0, 0], np.int64)] * 3
    least, largest = range_of(TASK, 3)
    assert least < 0 < 3 * 8192 < largest
    assert revealed(TASK, collection_of(TASK, most), PRIVATE).shape == (4,)


STEPS = ("charged", "asked", "opened", "recorded", "described", "kept")


@pytest.mark.parametrize("step", STEPS)
def test_a_collector_is_killed_and_the_task_is_charged_twice_or_not_at_all(step: str, tmp_path: Path) -> None:
    (tmp_path / killed_collector.KEY).write_bytes(PRIVATE.private_bytes_raw())
    (tmp_path / killed_collector.TASK).write_bytes(encode_task(TASK))
    answer = collection_of(TASK, VECTORS)
    (tmp_path / killed_collector.ANSWER).write_bytes(msgspec.msgpack.encode(answer))
    with open_ledger(tmp_path / killed_collector.STORE, killed_collector.DATA_SET, create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=1.0, period="once"))
    module = [sys.executable, "-m", killed_collector.__name__, str(tmp_path)]
    ended = subprocess.run([*module, step], cwd=ROOT, check=False, capture_output=True, timeout=120)
    assert ended.returncode == -9, ended.stderr.decode()
    with open_ledger(tmp_path / killed_collector.STORE, killed_collector.DATA_SET) as ledger:
        (spent,) = ledger.state().spends
        assert spent.released in (None, digest_of(revealed(TASK, answer, PRIVATE)))
        assert (spent.released is not None) == (step in STEPS[STEPS.index("recorded") :])
        found = _collect(tmp_path, ledger, answer)
        (after,) = ledger.state().spends
        assert (after.charge, after.spend) == (spent.charge, spent.spend)
        assert after.released == digest_of(found.release.values)
        assert ledger.state().held == ()
    assert np.array_equal(found.release.values, revealed(TASK, answer, PRIVATE))


def _collect(folder: Path, ledger: BudgetLedger, answer: Collection) -> Collected:
    return Collector(PRIVATE, ledger, folder / killed_collector.RELEASES).collect(TASK, lambda _: answer)
