"""The list of requests is lost with the next release, published though devices refuse it, or piles up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun.protocol.asking.listing import list_path
from homespun.protocol.collection.task import encode_task
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository import SignedRepository
from tests.sdk.protocol.asking.support import listed
from tests.sdk.protocol.collection.support import IDS
from tests.server.publishing.repository.support import CANARY, NOON, PRODUCTION
from tests.server.publishing.repository.test_asking import asked

Make = Callable[..., Path]
START = int(NOON.timestamp())


def served(signed: SignedRepository, channel: str = CANARY) -> list[bytes]:
    """Return every list whose file is there."""
    return [path.read_bytes() for path in (signed.folder / "targets" / channel / "requests").glob("*")]


def in_force(signed: SignedRepository, channel: str = CANARY) -> str | None:
    entry = signed._publisher.load().files(channel).get(list_path(channel))
    return None if entry is None else entry.sha256


def test_a_release_or_a_task_takes_the_list_away(signed: SignedRepository, make: Make) -> None:
    raw = listed(made=START)
    signed.put_requests({CANARY: raw})
    before = in_force(signed)
    signed.publish(make(1), CANARY)
    signed.add_task(CANARY, encode_task(asked()), IDS)
    signed.switch_off(CANARY, "complaints")
    assert in_force(signed) == before is not None
    signed.check()
    assert in_force(signed, PRODUCTION) is None


def test_the_list_takes_a_release_or_a_task_away(signed: SignedRepository, make: Make) -> None:
    signed.publish(make(1), CANARY)
    signed.add_task(CANARY, encode_task(asked()), IDS)
    files = signed._publisher.load().files(CANARY)
    signed.put_requests({CANARY: listed(made=START), PRODUCTION: listed(made=START)})
    assert files.items() <= signed._publisher.load().files(CANARY).items()
    signed.check()


def test_lists_pile_up(signed: SignedRepository) -> None:
    lists = [listed(made=START, seed=str(number)) for number in range(4)]
    for raw in lists:
        signed.put_requests({CANARY: raw})
    assert sorted(served(signed)) == sorted(lists[-2:])
    signed.check()


def test_something_that_devices_refuse_is_published(signed: SignedRepository) -> None:
    with pytest.raises(MisuseError, match="no list of requests"):
        signed.put_requests({CANARY: b"something"})
    assert in_force(signed) is None


def test_a_list_is_exchanged_on_the_disk(signed: SignedRepository) -> None:
    signed.put_requests({CANARY: listed(made=START)})
    (path,) = (signed.folder / "targets" / CANARY / "requests").glob("*")
    path.write_bytes(listed(made=START, seed="another"))
    with pytest.raises(RepositoryError, match="devices cannot use"):
        signed.check()
