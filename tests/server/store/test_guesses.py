"""Guesses at a password that come at once, in every database: none is let past the pause uncounted."""

import threading
from concurrent.futures import ThreadPoolExecutor

from homespun_server.console.attempts import FREE, claim, count, failures_within, forget, lane, pause_after
from homespun_server.store import open_store
from tests.server.api.support import Hands

AT_ONCE = 8


def test_guesses_at_once_are_let_past_the_pause(place: str) -> None:
    clock, where = Hands(), lane("name", "ada")
    together = threading.Barrier(AT_ONCE)
    with open_store(place) as store, ThreadPoolExecutor(AT_ONCE) as pool:

        def guess(_: int) -> int | None:
            together.wait()
            with store.writing() as connection:
                return claim(connection, where, clock())

        assert sorted(str(each) for each in pool.map(guess, range(AT_ONCE))) == sorted(
            [*map(str, range(FREE + 1)), *["None"] * (AT_ONCE - FREE - 1)]
        )
        clock.pass_(seconds=pause_after(FREE + 1))
        assert [each for each in pool.map(guess, range(AT_ONCE)) if each is not None] == [FREE + 1]
        with store.writing() as connection:
            assert count(connection, lane("name", "eve"), clock()) == 1
            forget(connection, where)
            assert failures_within(connection, where) == 0
            assert claim(connection, where, clock()) == 0
