"""What a channel asks of its devices is lost, mixed up, published though devices refuse it, or stays for ever."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.collection.task import Task, encode_task, index_path, task_path, universe_path
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_counts
from homespun_server.publishing.repository import SignedRepository
from tests.sdk.protocol.collection.support import IDS, narrow, task
from tests.server.publishing.repository.support import CANARY, NOON, PRODUCTION, Hands, opened

START = int(NOON.timestamp())
DAY = 86_400
Make = Callable[..., Path]


def asked(**fields: Any) -> Task:
    whole = {"opens": START, "closes": START + 7 * DAY, "expires": START + 8 * DAY}
    return task(**{**whole, **fields})


def targets(signed: SignedRepository, channel: str = CANARY) -> set[str]:
    return set(signed._publisher.load().files(channel))


def test_a_task_is_not_found_where_devices_look(signed: SignedRepository) -> None:
    made = asked()
    signed.add_task(CANARY, encode_task(made), IDS)
    assert signed.asked(CANARY).tasks == {made.id.hex(): made}
    digest = made.statistic.universe.digest or ""
    assert targets(signed) == {
        index_path(CANARY),
        task_path(CANARY, made.id.hex()),
        universe_path(CANARY, digest),
    }
    served = signed.folder / "targets" / CANARY / digest / f"{digest}.universe.txt"
    assert hashlib.sha256(served.read_bytes()).hexdigest() == digest
    signed.check()
    assert targets(signed, PRODUCTION) == set()


def test_a_release_or_a_rollback_takes_tasks_away(signed: SignedRepository, make: Make) -> None:
    made = asked()
    signed.publish(make(1), CANARY)
    signed.add_task(CANARY, encode_task(made), IDS)
    signed.publish(make(2), CANARY)
    signed.rollback(CANARY, 1, "worse")
    signed.switch_off(CANARY, "complaints")
    signed.refresh()
    assert set(signed.asked(CANARY).tasks) == {made.id.hex()}
    signed.check()


def test_a_task_takes_releases_away(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    before = targets(signed)
    signed.add_task(CANARY, encode_task(asked()), IDS)
    assert before < targets(signed)
    assert [each.number for each in signed.channel(CANARY).releases] == [1]
    signed.check()


def test_a_task_that_was_taken_off_is_still_asked(signed: SignedRepository, clock: Hands, tmp_path: Path) -> None:
    one, other = asked(), asked(name="another")
    for each in (one, other):
        signed.add_task(CANARY, encode_task(each), IDS)
    signed.withdraw(CANARY, one.id.hex()[:8])
    assert set(opened(tmp_path, clock).asked(CANARY).tasks) == {other.id.hex()}
    signed.check()
    signed.withdraw(CANARY, other.id.hex())
    assert targets(signed) == {index_path(CANARY)}
    clock.pass_(days=2)
    gone = signed.prune().removed
    assert any(name.endswith("universe.txt") for name in gone)
    signed.refresh()
    signed.check()


def test_an_expired_task_stays_for_ever(signed: SignedRepository, clock: Hands) -> None:
    signed.add_task(CANARY, encode_task(asked()), IDS)
    clock.pass_(days=9)
    later = asked(opens=START + 9 * DAY, closes=START + 10 * DAY, expires=START + 11 * DAY)
    signed.add_task(CANARY, encode_task(later), IDS)
    assert set(signed.asked(CANARY).tasks) == {later.id.hex()}


@pytest.mark.parametrize(
    ("change", "ids"),
    [({}, IDS[::-1]), ({}, ()), ({"expires": START, "closes": START, "opens": START - DAY}, IDS)],
)
def test_a_task_that_no_device_takes_is_published(
    signed: SignedRepository, change: dict[str, Any], ids: tuple[str, ...]
) -> None:
    with pytest.raises((MisuseError, CollectionError)):
        signed.add_task(CANARY, encode_task(asked(**change)), ids)
    assert targets(signed) == set()


def test_a_task_is_published_twice_or_spelled_otherwise(signed: SignedRepository) -> None:
    raw = encode_task(asked())
    signed.add_task(CANARY, raw, IDS)
    with pytest.raises(MisuseError, match="already"):
        signed.add_task(CANARY, raw, IDS)
    with pytest.raises(CollectionError, match="canonical"):
        signed.add_task(CANARY, raw + b"\n", IDS)


def test_two_tasks_over_the_same_items_lose_them_with_the_first(signed: SignedRepository) -> None:
    one = asked()
    other = asked(statistic=narrow(msgspec.structs.replace(item_counts(universe_of(IDS)), name="other")))
    for each in (one, other):
        signed.add_task(CANARY, encode_task(each), IDS)
    signed.withdraw(CANARY, one.id.hex())
    assert universe_path(CANARY, other.statistic.universe.digest or "") in targets(signed)
    signed.check()


def test_a_task_measures_an_experiment_that_nobody_can_read(signed: SignedRepository) -> None:
    with pytest.raises(MisuseError, match="publish that one first"):
        signed.add_task(CANARY, encode_task(asked(purpose="measurement", experiment="d" * 64)), IDS)


@pytest.mark.parametrize("name", ["", "zz", "0" * 64])
def test_something_that_is_not_asked_is_taken_off(signed: SignedRepository, name: str) -> None:
    signed.add_task(CANARY, encode_task(asked()), IDS)
    with pytest.raises(MisuseError, match="begin with"):
        signed.withdraw(CANARY, name)


def test_a_file_that_went_bad_is_signed_again(signed: SignedRepository) -> None:
    made = asked()
    signed.add_task(CANARY, encode_task(made), IDS)
    name = made.id.hex()
    (signed.folder / "targets" / CANARY / name / f"{name}.task.json").write_bytes(b"{}")
    with pytest.raises(Exception, match="not what was published"):
        signed.add_task(CANARY, encode_task(asked(name="another")), IDS)


def test_a_channel_that_there_is_not_is_asked(signed: SignedRepository) -> None:
    with pytest.raises(MisuseError, match="no channel"):
        signed.asked("films/beta")
