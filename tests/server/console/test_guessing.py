"""What a stranger who guesses passwords learns, gets past or keeps others from."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.api.limits import TokenBucket
from homespun_server.console import passwords
from homespun_server.console.accounts import Account, Accounts
from homespun_server.console.attempts import FREE, MAX_PAUSE, claim, pause_after
from homespun_server.console.cookies import known_name
from homespun_server.console.entrance import STRANGERS_AT_ONCE, CrowdedError, Entrance, RefusedError
from homespun_server.console.known import LIFETIME, Browsers
from homespun_server.console.mounting import ATTEMPTS_BURST
from homespun_server.console.sessions import Sessions, Visitor
from homespun_server.settings import ServerSettings
from homespun_server.store import AuditLog, Store
from tests.server.api.support import CHEAP, TESTER, Hands, Running, store_of
from tests.server.console.support import HOST, PASSWORD, browsing

WRONG = "a wrong password it is"
LONG = "x" * (passwords.MAX_BYTES + 1)


class Door:
    """Where passwords are tried, and how many were."""

    def __init__(self, store: Store, *, strangers: TokenBucket | None = None) -> None:
        self.clock = Hands()
        self.store = store
        self.accounts = Accounts(store, self.clock, costs=CHEAP)
        self.sessions = Sessions(store, self.clock)
        self.entrance = Entrance(store, self.accounts, self.sessions, self.clock, strangers=strangers)

    def refused(self, name: str, password: str = WRONG, **more: str) -> None:
        with pytest.raises(RefusedError):
            self.entrance.enter(name, password, **more)

    def visitor(self, name: str = "operator") -> Visitor:
        found = self.sessions.visitor(self.entrance.enter(name, PASSWORD, host=HOST).secret, HOST)
        assert found is not None
        return found

    def shut(self, name: str = "operator") -> None:
        """Fail as a stranger until the right password is refused, too."""
        for _ in range(FREE + 1):
            self.refused(name)
        self.refused(name, PASSWORD)


@pytest.fixture
def door(bare: ServerSettings) -> Iterator[Door]:
    with store_of(bare) as store:
        yield Door(store)


def test_strangers_shut_an_officer_out_of_their_browser(door: Door) -> None:
    mark = door.entrance.enter("operator", PASSWORD, host=HOST).mark
    door.shut()
    entered = door.entrance.enter("operator", PASSWORD, host=HOST, mark=mark)
    assert entered.secret
    signed_in = [each.detail for each in AuditLog(door.store).entries() if each.action == "sign-in"]
    assert signed_in == [{"failures": 0}, {"failures": FREE + 1}]


def test_all_strangers_together_shut_officers_out(bare: ServerSettings) -> None:
    with store_of(bare) as store:
        door = Door(store, strangers=TokenBucket(1e-9, 2, time.monotonic))
        mark = door.entrance.enter("operator", PASSWORD, host=HOST).mark
        door.refused("nobody-at-all")
        with pytest.raises(CrowdedError):
            door.entrance.enter("auditor", PASSWORD, host=HOST)
        entered = door.entrance.enter("operator", PASSWORD, host=HOST, mark=mark)
        visitor = door.sessions.visitor(entered.secret, HOST)
        assert visitor is not None
        door.entrance.confirm(visitor, PASSWORD)


def test_strangers_whose_passwords_are_being_tried_keep_an_officer_waiting(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = door.entrance.enter("operator", PASSWORD, host=HOST).mark
    released, tried = threading.Event(), threading.Semaphore(0)

    def slowly(name: str, password: str) -> Account | None:
        if name == "operator":
            return Accounts.matching(door.accounts, name, password)
        tried.release()
        released.wait()
        return None

    monkeypatch.setattr(door.accounts, "matching", slowly)
    with ThreadPoolExecutor() as pool:
        strangers = [pool.submit(door.refused, f"nobody-{number}") for number in range(STRANGERS_AT_ONCE)]
        for _ in strangers:
            tried.acquire()
        try:
            entered = pool.submit(door.entrance.enter, "operator", PASSWORD, host=HOST, mark=mark).result(timeout=30)
        finally:
            released.set()
        assert entered.secret


def test_strangers_keep_an_officer_from_confirming(door: Door) -> None:
    visitor = door.visitor()
    door.shut()
    door.entrance.confirm(visitor, PASSWORD)


def test_passwords_are_guessed_fast(door: Door) -> None:
    for name in ("operator", "no-such-name"):
        for _ in range(FREE + 1):
            door.refused(name)
    # Not even the right one, for as long as the pause lasts; and the refusal does not make it longer.
    for _ in range(3):
        door.refused("operator", PASSWORD)
    door.clock.pass_(seconds=pause_after(FREE + 1))
    assert door.entrance.enter("operator", PASSWORD).secret
    entered = [each for each in AuditLog(door.store).entries() if each.action == "sign-in"]
    assert entered[-1].detail == {"failures": FREE + 1}


def test_a_pause_does_not_grow_or_never_ends(door: Door) -> None:
    for failures in range(FREE + 9):
        pause = pause_after(failures)
        if pause:
            door.clock.pass_(seconds=pause - 1)
            with door.store.writing() as connection:
                assert claim(connection, "a lane", door.clock()) is None
            door.clock.pass_(seconds=1)
        with door.store.writing() as connection:
            assert claim(connection, "a lane", door.clock()) == failures
    door.clock.pass_(days=2)
    with door.store.writing() as connection:
        assert claim(connection, "a lane", door.clock()) == 0


def test_a_password_is_guessed_fast_in_a_session_that_was_left_open(door: Door) -> None:
    one, other = door.visitor(), door.visitor()
    for _ in range(FREE + 1):
        with pytest.raises(RefusedError):
            door.entrance.confirm(one, WRONG)
    with pytest.raises(RefusedError):
        door.entrance.confirm(one, PASSWORD)
    # It counts against that session alone.
    door.entrance.confirm(other, PASSWORD)
    assert door.entrance.enter("operator", PASSWORD).secret
    door.clock.pass_(seconds=pause_after(FREE + 1))
    door.entrance.confirm(one, PASSWORD)
    failed = [each for each in AuditLog(door.store).entries() if each.action == "confirm-failed"]
    assert [(each.who, each.subject, each.detail) for each in failed] == [
        ("account operator", "operator", {"failures": number}) for number in (1, 2, 3)
    ]


def test_passwords_are_guessed_fast_from_a_browser_that_signed_in_before(door: Door) -> None:
    known = {"host": HOST, "mark": door.entrance.enter("operator", PASSWORD, host=HOST).mark}
    for _ in range(FREE + 1):
        door.refused("operator", **known)
    door.refused("operator", PASSWORD, **known)
    assert door.entrance.enter("operator", PASSWORD, host=HOST).secret  # another browser is not held up by it
    door.clock.pass_(seconds=pause_after(FREE + 1))
    assert door.entrance.enter("operator", PASSWORD, **known).secret


def marks(door: Door) -> dict[str, tuple[str, str]]:
    """Return marks that are worth nothing for the operator at this host, each with where it is brought."""
    made = door.entrance.enter("operator", PASSWORD, host=HOST).mark
    version, number, moment, proof = made.split(".")
    return {
        "nothing": (HOST, ""),
        "nonsense": (HOST, "1.2.3.4"),
        "another account's": (HOST, door.entrance.enter("auditor", PASSWORD, host=HOST).mark),
        "another host's": ("127.0.0.1:8081", made),
        "another number": (HOST, f"{version}.{'A' * 22}.{moment}.{proof}"),
        "another day": (HOST, f"{version}.{number}.{int(moment) + 86_400}.{proof}"),
        "a day that no calendar has": (HOST, f"{version}.{number}.{'9' * 12}.{proof}"),
        "a day that is far away": (HOST, f"{version}.{number}.{'9' * 10}.{proof}"),
        "another proof": (HOST, f"{version}.{number}.{moment}.{'0' * 64}"),
    }


def test_a_mark_that_was_made_up_stolen_or_is_another_accounts_gets_past_the_pause(door: Door) -> None:
    worthless = marks(door)
    door.shut()
    for host, mark in worthless.values():
        door.refused("operator", PASSWORD, host=host, mark=mark)


def test_a_mark_outlives_the_password_or_half_a_year(door: Door) -> None:
    mark = door.entrance.enter("operator", PASSWORD, host=HOST).mark
    browsers = Browsers(door.store, door.clock)
    assert browsers.recognised("operator", HOST, mark) is not None
    door.clock.now += LIFETIME - timedelta(seconds=1)
    assert browsers.recognised("operator", HOST, mark) is not None
    door.clock.pass_(seconds=1)
    assert browsers.recognised("operator", HOST, mark) is None
    mark = door.entrance.enter("operator", PASSWORD, host=HOST).mark
    door.accounts.set_password("operator", "another quiet lamp", TESTER)
    assert browsers.recognised("operator", HOST, mark) is None


@given(st.text(alphabet="0123456789abcdef.A_-\n", max_size=120))
def test_a_mark_is_made_up_for_a_name_that_nobody_has(text: str) -> None:
    from homespun_server.console import known

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "kept_within", lambda *_: None)
        browsers = Browsers(_NoStore())  # type: ignore[arg-type]
        for mark in (text, browsers.mark("", "nobody", HOST, None), browsers.mark(text, "nobody", HOST, None)):
            assert browsers.recognised("nobody", HOST, mark) is None


class _NoStore:
    @contextmanager
    def reading(self) -> Iterator[None]:
        yield


class Tried:
    """Counts the passwords that are tried, and with what they are compared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.against: list[str] = []
        verify = Argon2id.verify_phc_encoded

        def counted(password: bytes, kept: str) -> Any:
            self.against.append(kept)
            return verify(password, kept)

        monkeypatch.setattr(passwords, "Argon2id", type("Counted", (), {"verify_phc_encoded": staticmethod(counted)}))

    def by(self, act: Callable[[], object]) -> list[str]:
        """Return the costs of what an act tries."""
        self.against.clear()
        act()
        return [kept.split("$")[3] for kept in self.against]


@pytest.mark.parametrize("password", ["", "x", WRONG, LONG[:-1], LONG, LONG * 9, "ä" * 600])
def test_a_password_of_some_length_tells_which_names_there_are(
    door: Door, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    door.accounts.disable("publisher", TESTER)
    tried = Tried(monkeypatch)
    for name in ("operator", "publisher", "nobody", "No Name", "\x00", ""):
        costs = tried.by(lambda name=name: door.refused(name, password))  # type: ignore[misc]
        assert costs == [f"m={CHEAP.memory_kib},t={CHEAP.iterations},p={CHEAP.lanes}"], name


def test_a_name_that_nobody_has_is_let_in_with_the_password_of_another(door: Door) -> None:
    for name in ("nobody", "", "\x00", "auditor ", "AUDITOR"):
        door.refused(name, PASSWORD)


def test_guesses_at_once_get_past_the_pause(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Tried(monkeypatch)
    together = threading.Barrier(12)

    def guess(_: int) -> None:
        together.wait()
        door.refused("operator")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(guess, range(12)))
    assert len(tried.against) == FREE + 1


def test_a_password_that_was_changed_while_it_was_tried_still_lets_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    matching = door.accounts.matching

    def changed(name: str, password: str) -> Account | None:
        found = matching(name, password)
        door.clock.pass_(seconds=1)
        door.accounts.set_password("operator", "another quiet lamp", TESTER)
        return found

    monkeypatch.setattr(door.accounts, "matching", changed)
    door.refused("operator", PASSWORD)


def test_failed_sign_ins_are_on_no_record_or_fill_it(door: Door) -> None:
    for number in range(FREE + 1):
        door.refused("operator")
        door.refused(f"secret-{number}", LONG)
    door.refused("operator")  # refused unseen, and no news
    found = [each for each in AuditLog(door.store).entries() if each.action == "sign-in-failed"]
    assert [(each.who, each.subject, each.detail["failures"]) for each in found] == [
        ("somebody", "operator", 1),
        ("somebody", "no account's name", 1),
        ("somebody", "operator", 2),
        ("somebody", "no account's name", 2),
        ("somebody", "operator", 3),
    ]


def test_a_browser_is_not_known_again(empty_service: Running) -> None:
    with browsing(empty_service, "operator") as officer, browsing(empty_service) as stranger:
        names = {known_name(HOST, each) for each in ("operator", "auditor")}
        assert set(officer.cookies) & names == {known_name(HOST, "operator")}
        assert officer.send("/console/sign-out").status == 303
        # Those during a pause come fast, and count here all the same.
        statuses = [stranger.sign_in("operator", "x").status for _ in range(ATTEMPTS_BURST + 30)]
        assert statuses[0] == 403
        assert statuses[-1] == 429
        assert stranger.sign_in("operator").status == stranger.sign_in("auditor").status == 429
        assert officer.sign_in("operator").status == 303
        empty_service.clock.pass_(seconds=MAX_PAUSE)
        assert officer.sign_in("auditor").status == 429
