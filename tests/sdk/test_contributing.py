"""Reports are lost, made twice, sent after a withdrawal, or what they cost is forgotten by an erasure."""

import dataclasses
import hashlib
import random
import shutil
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homespun as hs
from homespun.contribute.views import ContributionOutcome
from homespun.errors import ClosedError, MisuseError, TransportError
from homespun.protocol.collection.task import Task
from homespun.protocol.epsilon import epsilon_text
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_counts
from homespun.testing import FakeClock
from tests.sdk.asking import DAY, ITEMS, NOW, Device, Fleet, asked
from tests.sdk.people import CONTRIBUTION, EVERY, MEASUREMENT, NOTICE, STORAGE, exported
from tests.sdk.profile.support import QUICK
from tests.sdk.protocol.collection.support import narrow

LATER = TransportError("no connection", may_have_left=False)


@pytest.fixture
def fleet(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Fleet:
    return Fleet(tmp_path, bundle, bundle_folder)


@pytest.fixture
def items(fleet: Fleet) -> tuple[str, ...]:
    return tuple(fleet.bundle.items[:4])


@pytest.fixture
def counts(fleet: Fleet, items: tuple[str, ...]) -> Task:
    """A task over four items that is asked now."""
    made = asked(narrow(item_counts(universe_of(items))))
    fleet.ask(made, items=items)
    return made


@pytest.fixture
def device(fleet: Fleet) -> Device:
    return fleet.device()


def given(device: Device) -> Path:
    return device.folder / "profile.given"


# What is reported


def test_the_sum_of_the_reports_is_another_than_that_of_the_devices(
    fleet: Fleet, counts: Task, items: tuple[str, ...]
) -> None:
    draw = random.Random("devices")
    expected = [0, 0, 0, 0]
    for number in range(5):
        with fleet.device(f"device {number}").allowed() as me:
            liked = draw.sample(items, draw.randrange(4))
            for item in liked:
                me.record(item, weight=5.0)
                expected[items.index(item)] += int(8192 / len(liked) ** 0.5)
            outcome = me.contributions.sync()
            assert outcome.queued == (counts.name,)
            assert outcome.sent is not None
            assert outcome.sent.count("sent") == 1
    assert fleet.leader.total(counts).tolist() == expected


def test_what_says_nothing_of_the_persons_taste_is_reported(
    fleet: Fleet, counts: Task, device: Device, items: tuple[str, ...]
) -> None:
    with device.allowed() as me:
        for item in items[:2]:
            me.record(item, weight=5.0)
        me.controls.ignore_item(items[0])
        me.contributions.sync()
    assert fleet.leader.total(counts).tolist() == [0, 8192, 0, 0]


def test_a_report_is_not_in_the_ledger_or_shows_no_cost(counts: Task, device: Device) -> None:
    with device.allowed() as me:
        me.contributions.sync()
        mine = [entry for entry in me.ledger.entries() if entry.purpose == "contribution"]
        assert [entry.state for entry in mine] == ["queued", "sending", "sent"]
        assert {entry.epsilon_spent for entry in mine} == {"1"}
        assert mine[-1].epsilon_left == "7"
        assert mine[0].what == f"report/{counts.name}/{counts.id.hex()[:16]}"
        assert mine[0].destination == counts.leader.url
        me.ledger.verify()


def test_a_device_reports_twice_to_one_task(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        for _ in range(3):
            me.contributions.sync(force=True)
            fleet.clock.advance(7 * 3600)
    with device.open() as me:
        me.contributions.sync(force=True)
        assert me.contributions.tasks()[0].state == "done"
    assert len(fleet.leader.reports(counts)) == 1


# When


def test_a_delay_is_drawn_anew_by_a_restart_or_leads_past_the_end(fleet: Fleet) -> None:
    made = asked(delay_seconds=6 * DAY, closes=int(NOW) + 5 * DAY + 6 * 3600, expires=int(NOW) + 9 * DAY)
    fleet.ask(made)
    dues = []
    for number in range(20):
        device = fleet.device(f"device {number}")
        with device.allowed() as me:
            me.contributions.sync()
            (view,) = me.contributions.tasks()
            assert view.due is not None
        with device.open() as me:
            me.contributions.sync()
            assert me.contributions.tasks()[0].due == view.due
        dues.append(view.due - NOW)
    assert fleet.leader.arrived == []
    assert all(0 <= due < made.closes - NOW for due in dues)
    # Not all in one half: 20 fair draws do that with a probability of 2⁻¹⁹.
    assert min(dues) < (made.closes - NOW) / 2 < max(dues)


def test_a_report_is_sent_before_it_is_due_or_never(fleet: Fleet) -> None:
    made = asked(delay_seconds=DAY)
    fleet.ask(made)
    device = fleet.device()
    with device.allowed() as me:
        me.contributions.sync()
        due = me.contributions.tasks()[0].due
        assert due is not None
        fleet.clock.advance(due - NOW - 1)
        me.contributions.sync(force=True)
        assert fleet.leader.arrived == []
        fleet.clock.advance(2)
        assert me.contributions.sync().queued == (made.name,)
    (report,) = fleet.leader.reports(made)
    assert report.time % made.time_precision == 0
    assert 0 <= due + 1 - report.time < made.time_precision


class Ticking(FakeClock):
    """Goes on with every look at it."""

    def __call__(self) -> float:
        self.advance(1e-3)
        return super().__call__()


def test_what_is_due_at_once_waits_for_the_next_look(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.clock = Ticking(NOW)
    with device.allowed() as me:
        assert me.contributions.sync().queued == (counts.name,)


def test_it_is_asked_at_every_call(fleet: Fleet, device: Device) -> None:
    fleet.ask(asked(opens=int(NOW) + DAY))
    with device.allowed() as me:
        me.contributions.sync()
        before = len(fleet.http.requests)
        me.contributions.sync()
        assert len(fleet.http.requests) == before
        fleet.clock.advance(7 * 3600)
        me.contributions.sync()
        assert len(fleet.http.requests) > before


@pytest.mark.parametrize("why", ["withdrawn", "closed", "taken off", "too expensive", "fails"])
def test_the_network_is_asked_at_every_call_for_what_cannot_be_made(fleet: Fleet, device: Device, why: str) -> None:
    made = asked(delay_seconds=3600, closes=int(NOW) + (7200 if why == "closed" else 5 * DAY))
    fleet.ask(made, items=("other",) if why == "fails" else ITEMS)
    with device.allowed() as me:
        me.contributions.sync()
        match why:
            case "withdrawn":
                me.consent.withdraw(CONTRIBUTION)
            case "taken off":
                fleet.ask()
            case "too expensive":
                me._home.egress._rules = dataclasses.replace(me._home.egress._rules, ceiling=1)
        fleet.clock.advance(3 * 3600)
        me.contributions.sync()
        before = len(fleet.http.requests)
        for _ in range(20):
            fleet.clock.advance(300)
            assert me.contributions.sync().queued == ()
        assert len(fleet.http.requests) == before


def test_reports_of_a_device_that_was_off_come_in_one_burst(fleet: Fleet, device: Device) -> None:
    tasks = [asked(name=f"week-{number}", delay_seconds=2 * DAY) for number in range(5)]
    fleet.ask(*tasks)
    with device.allowed() as me:
        me.contributions.sync()
    fleet.clock.advance(3 * DAY)
    at = []
    with device.open() as me:
        assert len(me.contributions.sync().queued) == 1
        # Long after, all the same: each comes alone, and before its task closes.
        while fleet.clock() < tasks[0].closes:
            before = len(fleet.leader.arrived)
            fleet.clock.advance(1800)
            me.contributions.sync()
            assert len(fleet.leader.arrived) - before <= 1
            at += [fleet.clock()] * (len(fleet.leader.arrived) - before)
    assert len(fleet.leader.arrived) == 5
    # Four evenly drawn pauses of up to two days do not all end within the first two hours.
    assert max(at) - NOW - 3 * DAY > 7200


def test_reports_that_wait_leave_in_one_burst(fleet: Fleet, device: Device) -> None:
    tasks = [asked(name=f"week-{number}") for number in range(4)]
    fleet.ask(*tasks)
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        for _ in tasks:
            me.contributions.sync()
        assert len(me.ledger.pending()) == 4
        fleet.leader.refuses = None
        fleet.clock.advance(3600)
        for number in range(4):
            me.contributions.sync()
            assert len(fleet.leader.arrived) == number + 1


@pytest.mark.parametrize("connection", ["metered", "offline", "strange"])
def test_reports_go_over_a_connection_that_bundles_may_not(
    fleet: Fleet, counts: Task, device: Device, connection: str
) -> None:
    now: list[Any] = [connection]
    with device.allowed() as me:
        updater = me.contributions._updater
        assert updater is not None
        updater._updates = dataclasses.replace(updater._updates, connection=lambda: now[0])
        outcome = me.contributions.sync()
        assert (outcome.queued, outcome.sent, fleet.leader.arrived) == ((), None, [])
        assert not [request for request in fleet.http.requests if request.path.endswith("universe.txt")]
        now[0] = "unmetered"
        assert me.contributions.sync().queued == (counts.name,)
    assert len(fleet.leader.arrived) == 1


class Rests:
    """Knows of rests, as the transport does until the program ends."""

    def __init__(self) -> None:
        self.until: dict[str, float] = {}

    def rests(self) -> dict[str, float]:
        return dict(self.until)

    def close(self) -> None:
        pass


def test_a_restart_forgets_that_a_destination_asked_for_rest(fleet: Fleet, counts: Task, device: Device) -> None:
    sends = Rests()
    tries: list[float] = []

    def busy() -> None:
        tries.append(fleet.clock())
        sends.until[counts.leader.url] = fleet.clock() + 6 * 3600
        raise TransportError("asked to be left alone")

    fleet.leader.before = busy
    with device.allowed() as me:
        me.contributions._sends = sends
        me.contributions.sync()
    fleet.leader.before = lambda: tries.append(fleet.clock())
    for _ in range(5):
        fleet.clock.advance(3600)
        with device.open() as me:
            me.contributions.sync()
    assert tries == [NOW]
    fleet.clock.advance(3601)
    with device.open() as me:
        me.contributions.sync()
    assert len(tries) == 2


def test_what_is_kept_is_asked_for_again(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        me.contributions.sync()
        before = len(fleet.http.requests)
        me.contributions.sync(force=True)
        names = [request.path.rpartition("/")[2] for request in fleet.http.requests[before:]]
        assert not [name for name in names if name.endswith(("task.json", "universe.txt", "index.json"))]
        fleet.ask()
        me.contributions.sync(force=True)
    kept = device.folder / "bundles" / "collection"
    assert len(list(kept.iterdir())) == 1
    assert counts.id.hex() not in {path.name for path in kept.iterdir()}


# What goes wrong on the way


def test_a_report_that_did_not_leave_is_lost(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        me.contributions.sync()
        assert len(me.ledger.pending()) == 1
    fleet.leader.refuses = None
    fleet.clock.advance(3600)
    with device.open() as me:
        outcome = me.contributions.sync()
        assert outcome.queued == ()
        assert outcome.sent is not None
        assert outcome.sent.count("sent") == 1
    assert len(fleet.leader.reports(counts)) == 1


def test_a_refusal_for_good_is_answered_with_more_attempts(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.leader.refuses = TransportError("the task is closed", is_final=True)
    with device.allowed() as me:
        outcome = me.contributions.sync()
        assert outcome.sent is not None
        assert outcome.sent.count("failed") == 1
        fleet.leader.refuses = None
        fleet.clock.advance(3600)
        me.contributions.sync(force=True)
        # It may have been read, so that it counts.
        assert me.ledger.entries()[-1].epsilon_left == "7"
        assert me.contributions.tasks()[0].state == "done"
    assert fleet.leader.reports(counts) == []


def test_a_report_is_sent_to_a_task_that_is_closed(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.leader.refuses = TransportError("HTTP 404, unknown-task")
    with device.allowed() as me:
        me.contributions.sync()
        assert len(me.ledger.pending()) == 1
        fleet.leader.refuses = None
        fleet.clock.advance(counts.closes - NOW)
        me.contributions.sync()
        assert me.ledger.pending() == ()
        assert "its task is closed" in [entry.note for entry in me.ledger.entries() if entry.state == "cancelled"]
    assert fleet.leader.arrived == []


def test_a_report_waits_longer_than_its_task_lives(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        me.contributions.sync()
        fleet.clock.advance(counts.expires - NOW)
        me.contributions.sync()
        assert me.ledger.pending() == ()
        assert "expired" in [entry.note for entry in me.ledger.entries() if entry.state == "cancelled"][-1]
        assert not exported(me, device.folder / "export.zip").get("outbox")


def test_an_offline_device_raises_into_its_application(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        fleet.http.online = False
        outcome = me.contributions.sync()
        assert outcome.problem is not None
        assert "Unreachable" in outcome.problem
        fleet.http.online = True
        assert me.contributions.sync().queued == (counts.name,)


def test_a_damaged_record_of_what_was_given_is_taken_for_none(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        given(device).write_bytes(b'{"schema":1}\n')
        outcome = me.contributions.sync()
        assert outcome.problem is not None
        assert "cannot be used" in outcome.problem
        assert fleet.leader.arrived == []
        # Withdrawing has to be possible all the same.
        me.consent.withdraw(CONTRIBUTION)


# What the person ends


@pytest.mark.parametrize(("purpose", "withdrawn"), [("contribution", CONTRIBUTION), ("measurement", MEASUREMENT)])
def test_what_waits_is_sent_after_a_withdrawal(
    fleet: Fleet, device: Device, purpose: str, withdrawn: hs.Purpose
) -> None:
    fleet.ask(asked(purpose=purpose))
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        me.contributions.sync()
        assert len(me.ledger.pending()) == 1
        effects = me.consent.withdraw(withdrawn)
        assert any("dropped before anything of it left" in effect.text for effect in effects.effects)
        fleet.leader.refuses = None
        fleet.clock.advance(3600)
        me.contributions.sync(force=True)
        assert me.ledger.pending() == ()
    assert fleet.leader.arrived == []


@pytest.mark.parametrize("purpose", ["contribution", "measurement"])
def test_what_waits_is_sent_after_an_objection(fleet: Fleet, device: Device, purpose: str) -> None:
    fleet.ask(asked(purpose=purpose))
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        me.contributions.sync()
        me.controls.object()
        assert me.ledger.pending() == ()


def test_an_erasure_makes_room_for_another_lifetime(fleet: Fleet, counts: Task) -> None:
    settings = dataclasses.replace(QUICK, lifetime_epsilon=Decimal("1.5"))
    device = fleet.device(settings=settings)
    with device.allowed() as me:
        me.contributions.sync()
        me.erase()
        assert given(device).exists()
        me.consent.grant(*EVERY, notice=NOTICE)
        fleet.ask(asked(name="another"), counts)
        me.contributions.sync(force=True)
        another, first = me.contributions.tasks()
        assert first.state == "done"
        assert "0.5 is left" in another.why
        assert me.ledger.entries()[-1].epsilon_left == "0.5"
    assert len(fleet.leader.arrived) == 1


def test_what_stays_after_an_erasure_tells_of_the_person(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        me.record(fleet.bundle.items[0], weight=5.0)
        me.contributions.sync()
        receipt = me.consent.withdraw(STORAGE).receipt
        assert receipt is not None
        (told,) = [store for store in receipt.stores if store.store == "what was given"]
        assert str(given(device)) in told.detail
    text = given(device).read_text()
    assert counts.id.hex() in text
    (report,) = fleet.leader.reports(counts)
    assert report.report_id.hex() not in text
    assert fleet.bundle.items[0] not in text
    assert given(device).stat().st_mode & 0o077 == 0


def test_a_restored_backup_reports_or_pays_anew(fleet: Fleet, counts: Task) -> None:
    settings = dataclasses.replace(QUICK, lifetime_epsilon=Decimal("1.5"))
    device = fleet.device(settings=settings)
    with device.allowed():
        pass
    shutil.copytree(device.folder / "profile", device.folder / "backup")
    with device.open() as me:
        me.contributions.sync()
    shutil.rmtree(device.folder / "profile")
    shutil.copytree(device.folder / "backup", device.folder / "profile")
    with device.open() as me:
        fleet.ask(counts, asked(name="another"))
        me.contributions.sync()
        again, another = me.contributions.tasks()
        assert again.state == "done"
        assert "0.5 is left" in another.why
    assert len(fleet.leader.arrived) == 1


def test_a_backup_with_the_secret_reports_under_another_name(fleet: Fleet, counts: Task, device: Device) -> None:
    """The backup knows its secret, so that the leader counts the second report as the first."""
    first = asked(name="first")
    fleet.ask(first)
    with device.allowed() as me:
        me.contributions.sync()
    shutil.copytree(device.folder / "profile", device.folder / "backup")
    fleet.ask(counts, items=tuple(fleet.bundle.items[:4]))
    with device.open() as me:
        me.contributions.sync()
    shutil.rmtree(device.folder / "profile")
    shutil.copytree(device.folder / "backup", device.folder / "profile")
    with device.open() as me:
        me.contributions.sync()
        spent = [entry.epsilon_left for entry in me.ledger.entries() if entry.purpose == "contribution"]
        assert spent[-1] == "6"
    one, other = fleet.leader.reports(counts)
    assert one.report_id == other.report_id
    assert len(given(device).read_text().splitlines()) == 2


def test_a_backup_of_what_waits_gives_back_what_was_sent_since(fleet: Fleet, counts: Task, device: Device) -> None:
    for how in ("expired", "withdrawn"):
        device = fleet.device(how)
        fleet.ask(counts, items=tuple(fleet.bundle.items[:4]))
        fleet.leader.refuses = LATER
        with device.allowed() as me:
            me.contributions.sync()
            assert len(me.ledger.pending()) == 1
        shutil.copytree(device.folder / "profile", device.folder / "backup")
        fleet.leader.refuses = None
        fleet.clock.advance(3600)
        with device.open() as me:
            me.contributions.sync()
        shutil.rmtree(device.folder / "profile")
        shutil.move(device.folder / "backup", device.folder / "profile")
        fleet.clock.advance(0 if how == "withdrawn" else counts.expires - fleet.clock())
        with device.open() as me:
            if how == "withdrawn":
                said = " ".join(effect.text for effect in me.consent.withdraw(CONTRIBUTION).effects)
                assert "may have been sent" in said
                assert "dropped before anything of it left" not in said
            else:
                me.contributions.sync()
            assert me.ledger.pending() == ()
            assert "dropped before" not in me.ledger.summary()
            assert epsilon_text(me._home.egress.epsilon_left()) == "7"
            me.ledger.verify()
        fleet.clock.advance(NOW - fleet.clock())
    assert len(fleet.leader.reports(counts)) == 2


def test_what_never_left_is_charged_for_ever(fleet: Fleet, counts: Task, device: Device) -> None:
    fleet.leader.refuses = LATER
    with device.allowed() as me:
        me.contributions.sync()
        me.consent.withdraw(CONTRIBUTION)
        assert me.ledger.entries()[-1].epsilon_left == "8"
        assert epsilon_text(me._home.egress.epsilon_left()) == "8"


def test_ids_of_different_tasks_or_devices_can_be_linked(fleet: Fleet) -> None:
    tasks = [asked(name=f"week-{number}") for number in range(3)]
    fleet.ask(*tasks)
    for name in ("one", "other"):
        with fleet.device(name).allowed() as me:
            for _ in tasks:
                me.contributions.sync()
    ids = [report.report_id for made in tasks for report in fleet.leader.reports(made)]
    assert len(set(ids)) == 6


# The hook and the façade


def test_an_experiments_outcomes_come_from_somewhere_else(fleet: Fleet, device: Device, items: tuple[str, ...]) -> None:
    definition = b"a definition"
    digest = hashlib.sha256(definition).hexdigest()
    made = asked(narrow(item_counts(universe_of(items))), purpose="measurement", experiment=digest)
    fleet.ask(made, items=items, experiments=(definition,))
    with device.allowed() as me:
        me.contributions.vector_of = lambda task: np.array([0, 0, 0, 100], np.int64)
        assert me.contributions.sync().queued == (made.name,)
        assert me.contributions.experiments() == {digest: definition}
    assert fleet.leader.total(made).tolist() == [0, 0, 0, 100]


def test_a_source_that_fails_raises_into_the_application(fleet: Fleet, device: Device) -> None:
    fleet.ask(asked(purpose="measurement", experiment="d" * 64), asked(), experiments=())

    def fails(_: Task) -> Any:
        raise ZeroDivisionError("nothing was measured")

    with device.allowed() as me:
        me.contributions.vector_of = fails
        outcome = me.contributions.sync()
        assert outcome.problem is not None
        assert "nothing was measured" in outcome.problem
        assert outcome.queued == ()
        assert len(me.contributions.sync().queued) == 1
        # What was not made costs nothing.
        assert me.ledger.entries()[-1].epsilon_left == "7"


def test_an_application_without_contributions_contributes(fleet: Fleet, tmp_path: Path) -> None:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=fleet.bundle) as me:
        assert not me.contributions.is_on
        assert me.contributions.tasks() == ()
        with pytest.raises(MisuseError, match="contributes nothing"):
            me.contributions.sync()
    with pytest.raises(MisuseError, match="channel of updates"):
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=fleet.bundle, contributions=hs.Contributions())


def test_a_closed_personalizer_contributes(counts: Task, device: Device) -> None:
    me = device.allowed()
    me.close()
    with pytest.raises(ClosedError):
        me.contributions.sync()


def test_two_threads_report_at_once(fleet: Fleet, counts: Task, device: Device) -> None:
    with device.allowed() as me:
        threads = [threading.Thread(target=me.contributions.sync) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        me.contributions.sync(force=True)
    assert len(fleet.leader.reports(counts)) == 1


def test_nothing_is_reported_in_the_background(fleet: Fleet, counts: Task, device: Device) -> None:
    told: list[ContributionOutcome] = []
    came = threading.Event()

    def observe(outcome: ContributionOutcome) -> None:
        told.append(outcome)
        came.set()
        raise RuntimeError("an observer that fails")

    with device.allowed() as me:
        me.contributions.start(observe)
        me.contributions.start(observe)
        assert came.wait(30)
        me.contributions.stop()
        me.contributions.stop()
    assert told[0].queued == (counts.name,)
    assert len(told) == len(fleet.leader.reports(counts)) == 1


def test_starting_again_keeps_the_one_that_was_stopped_at_work(
    fleet: Fleet, counts: Task, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still sending when its time to end is over, and the next one has begun."""
    monkeypatch.setattr("homespun.repeating.PATIENCE_SECONDS", 0.01)
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        assert go_on.wait(30)

    fleet.leader.before = slow
    with device.allowed() as me:
        me.contributions.start()
        assert inside.wait(30)
        background = me.contributions._repeating._background
        assert background is not None
        me.contributions.stop()
        me.contributions.start()
        go_on.set()
        background[0].join(30)
        assert not background[0].is_alive()
    assert len(fleet.leader.reports(counts)) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"task_epsilon": 0.5},
        {"task_epsilon": Decimal(-1)},
        {"task_delta": 1e-6},
        {"task_delta": Decimal(0)},
        {"task_delta": Decimal("0.01")},
        {"least_batch": 1},
        {"least_batch": True},
        {"allow_development": 1},
    ],
)
def test_settings_mean_nothing(values: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        hs.Contributions(**values)
