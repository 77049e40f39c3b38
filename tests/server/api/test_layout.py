"""A file that devices ask for is not served, or a path that is no file of a repository reaches the disk."""

import pytest

from homespun.protocol.asking.listing import list_path
from homespun.protocol.collection.task import experiment_path, index_path, task_path, universe_path
from homespun_server.api.layout import repository_file

DIGEST = "a" * 64
OTHER = "b" * 64
CHANNEL = "films/canary"


def served(path: str) -> str:
    """Return where a target is asked for: its hash stands before its name."""
    folder, _, name = path.rpartition("/")
    return f"targets/{folder}/{OTHER}.{name}"


@pytest.mark.parametrize(
    "path",
    [
        index_path(CHANNEL),
        task_path(CHANNEL, DIGEST),
        experiment_path(CHANNEL, DIGEST),
        universe_path(CHANNEL, DIGEST),
        list_path(CHANNEL),
    ],
)
def test_what_is_asked_of_devices_is_not_served(path: str) -> None:
    found = repository_file(served(path))
    assert found is not None
    assert found.sha256 == OTHER
    assert not found.changes


@pytest.mark.parametrize(
    "path",
    [
        f"targets/{CHANNEL}/collection/index.json",
        f"targets/{CHANNEL}/collection/{OTHER}.task.json",
        f"targets/{CHANNEL}/collection/{OTHER}.index.json/",
        f"targets/{CHANNEL}/collection/../{OTHER}.channel.json",
        f"targets/{CHANNEL}/{DIGEST}/{OTHER}.index.json",
        f"targets/{CHANNEL}/{DIGEST}/{OTHER}.universe.txt\n",
        f"targets/{CHANNEL}/{DIGEST}/universe.txt",
        f"targets/{CHANNEL}/requests/list.bin",
        f"targets/{CHANNEL}/requests/{OTHER}.task.json",
    ],
)
def test_a_path_of_nothing_reaches_the_disk(path: str) -> None:
    assert repository_file(path) is None
