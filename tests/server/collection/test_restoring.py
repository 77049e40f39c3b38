"""A store is put back from before a reveal: noise is drawn a second time, unless its operator retires what is open."""

import shutil

import pytest

from homespun.protocol.collection.task import Task
from homespun_server.collection.expiring import retire
from homespun_server.collection.messages import Role, ShareRequest
from tests.server.collection.conftest import Settings
from tests.server.collection.programs import command
from tests.server.collection.support import Pair, added, near_pair


def worked(pair: Pair) -> tuple[Task, ShareRequest]:
    task = pair.add()
    pair.upload(task, range(5))
    pair.work(task)
    return task, added(pair.helper_places, pair.helper_known(task))


def test_a_task_that_was_retired_is_revealed(either: Pair) -> None:
    pair = either
    task, asked = worked(pair)
    known = pair.helper_known(task)
    assert retire(pair.helper_places, known)
    assert not retire(pair.helper_places, known)
    assert pair.helper.share(known, asked) == "expired"
    assert retire(pair.parts.places, pair.known(task))
    assert pair.collect(task) == "expired"
    assert pair.upload(task, [9]) == ["expired"]
    why = pair.parts.places.batch(pair.known(task)).why
    assert why is not None
    assert "retired" in why


def test_retiring_takes_back_what_was_revealed(pair: Pair) -> None:
    task, _ = worked(pair)
    found = pair.collect(task)
    assert not retire(pair.parts.places, pair.known(task))
    assert pair.collect(task) == found


@pytest.mark.parametrize("role", ["leader", "helper"])
@pytest.mark.parametrize("which", ["--all", "id"])
def test_a_restored_store_answers_after_the_command(on_sqlite: Settings, role: Role, which: str) -> None:
    folder = on_sqlite[role].folder
    backup = folder.with_name("backup")
    with near_pair(on_sqlite) as pair:
        task, asked = worked(pair)
        for places in (pair.parts.places, pair.helper_places):
            places.settle()
        shutil.copytree(folder, backup)
        assert pair.collect(task).count == 5
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    command(role, "retire", task.id.hex()[:12] if which == "id" else which, "--in", ".", home=folder)
    with near_pair(on_sqlite) as pair:
        if role == "helper":
            assert pair.helper.share(pair.helper_known(task), asked) == "expired"
        else:
            assert pair.collect(task) == "expired"
