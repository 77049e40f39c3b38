"""Tasks made to get at somebody: forged, mixed up, endless, for a crowd of one, or against what the person allows."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import homespun as hs
from homespun.contribute.outcome import SendOutcome
from homespun.errors import MisuseError, TransportError
from homespun.profile.given import FileGiven
from homespun.protocol.canonical import canonical
from homespun.protocol.collection.task import (
    MAX_UNIVERSE_BYTES,
    CollectionIndex,
    Ref,
    Task,
    encode_index,
    encode_task,
    encode_universe,
    index_path,
    task_path,
    universe_path,
)
from homespun.protocol.statistics.declaration import Universe, universe_of
from homespun.protocol.statistics.standard import item_counts, metric_sums
from homespun.protocol.zcdp import epsilon_of
from homespun.testing.repository import CHANNEL
from tests.sdk.asking import DAY, ITEMS, NOW, Fleet, asked, party
from tests.sdk.people import CONTRIBUTION, MEASUREMENT, PERSONALIZATION, STORAGE
from tests.sdk.profile.support import QUICK
from tests.sdk.protocol.collection.support import narrow, sigma_of


@pytest.fixture
def fleet(tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path) -> Fleet:
    return Fleet(tmp_path, bundle, bundle_folder)


def refused(fleet: Fleet, made: Task, *, own: hs.Contributions | None = None, **options: Any) -> str:
    """Publish a task as it should be, let a device look, and return why it takes no part."""
    fleet.ask(made)
    with fleet.device(own=own, **options).allowed() as me:
        me.contributions.sync()
        (view,) = me.contributions.tasks()
        assert {total.purpose for total in me.ledger.totals()} <= {"updates"}
    assert fleet.leader.arrived == []
    assert view.state == "refused"
    assert view.why in str(view)
    return view.why


# What is signed, and what is not


def signed_as(fleet: Fleet, contents: dict[str, bytes]) -> None:
    """Let the channel's own role sign contents at paths of an attacker's choosing."""
    fleet.repository.publish(CHANNEL, {**fleet.repository.targets(CHANNEL), **contents})


def test_a_task_that_nobody_signed_is_reported_to(fleet: Fleet) -> None:
    made = asked()
    fleet.ask()
    for path, raw in {
        index_path(CHANNEL): index_of(encode_task(made)),
        task_path(CHANNEL, made.id.hex()): encode_task(made),
    }.items():
        folder, _, name = path.rpartition("/")
        fleet.repository.files[f"targets/{folder}/{hashlib.sha256(raw).hexdigest()}.{name}"] = raw
    with fleet.device().allowed() as me:
        assert me.contributions.sync().problem is None
        assert me.contributions.tasks() == ()
    assert fleet.leader.arrived == []


def index_of(*tasks: bytes) -> bytes:
    refs = tuple(Ref(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw)) for raw in tasks)
    return encode_index(CollectionIndex(tasks=refs))


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("*.index.json", lambda raw: raw.replace(b"tasks", b"tasxs")),
        ("*.task.json", lambda raw: raw.replace(b'"minimum_batch":500', b'"minimum_batch":501')),
        ("*.universe.txt", lambda raw: raw[::-1]),
    ],
)
def test_somebody_on_the_way_changes_what_is_asked(
    fleet: Fleet, pattern: str, change: Callable[[bytes], bytes]
) -> None:
    fleet.ask(asked())
    for path, raw in list(fleet.repository.files.items()):
        if Path(path).match(pattern):
            fleet.repository.files[path] = change(raw)
    with fleet.device().allowed() as me:
        outcome = me.contributions.sync()
        assert "Rejected" in f"{outcome.problem} {outcome.refused}"
    assert fleet.leader.arrived == []


def test_a_kept_file_that_somebody_changed_is_believed(fleet: Fleet) -> None:
    fleet.ask(asked(opens=int(NOW) + DAY))
    device = fleet.device()
    with device.allowed() as me:
        me.contributions.sync()
    kept = device.folder / "bundles" / "collection"
    changed = 0
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes().replace(b"500", b"101"))
        changed += 1
    assert changed == 2
    with device.open() as me:
        me.contributions.sync()
        (view,) = me.contributions.tasks()
        assert view.id == asked(opens=int(NOW) + DAY).id.hex()


@pytest.mark.parametrize("what", ["another task", "another length", "not signed", "huge items", "other items"])
def test_the_index_leads_to_something_else(fleet: Fleet, what: str) -> None:
    made, other = asked(), asked(name="another", minimum_batch=200)
    raw = encode_task(made)
    ref = Ref(sha256=made.id.hex(), size=len(raw))
    contents = {task_path(CHANNEL, made.id.hex()): raw}
    universe = universe_path(CHANNEL, made.statistic.universe.digest or "")
    contents[universe] = encode_universe(ITEMS)
    match what:
        case "another task":
            contents[task_path(CHANNEL, made.id.hex())] = encode_task(other)
        case "another length":
            ref = msgspec.structs.replace(ref, size=len(raw) + 1)
        case "not signed":
            del contents[task_path(CHANNEL, made.id.hex())]
        case "huge items":
            contents[universe] = b"x\n" * (MAX_UNIVERSE_BYTES // 2 + 1)
        case "other items":
            contents[universe] = encode_universe(ITEMS[::-1])
    contents[index_path(CHANNEL)] = encode_index(CollectionIndex(tasks=(ref,)))
    signed_as(fleet, contents)
    with fleet.device().allowed() as me:
        (why,) = me.contributions.sync().refused
        assert "Rejected" in why
    assert fleet.leader.arrived == []


def test_items_of_one_task_keep_a_device_from_the_others(fleet: Fleet) -> None:
    good, spoiled = asked(name="good"), asked(narrow(item_counts(universe_of(("x", "y")))), name="spoiled")
    fleet.repository.ask(encode_task(spoiled), encode_task(good), universes=[ITEMS], experiments=())
    with fleet.device().allowed() as me:
        outcome = me.contributions.sync()
        assert outcome.queued == ("good",)
        assert "spoiled: Rejected" in outcome.refused[0]
    assert len(fleet.leader.reports(good)) == 1


def test_what_waits_is_held_up_by_a_channel_that_is_spoiled(fleet: Fleet) -> None:
    made = asked()
    fleet.ask(made)
    fleet.leader.refuses = TransportError("no connection", may_have_left=False)
    with fleet.device().allowed() as me:
        me.contributions.sync()
        signed_as(fleet, {index_path(CHANNEL): b"{}x"})
        fleet.leader.refuses = None
        fleet.clock.advance(3600)
        assert me.contributions.sync(force=True).problem is not None
        before = len(fleet.http.requests)
        me.contributions.sync()
        assert len(fleet.http.requests) == before
    assert len(fleet.leader.reports(made)) == 1


def test_one_task_that_cannot_be_read_keeps_a_device_from_the_others(fleet: Fleet) -> None:
    made, spoiled = asked(), canonical({**json.loads(encode_task(asked())), "sigma": 1})
    fleet.repository.ask(spoiled, encode_task(made), b'{"schema":2}', universes=[ITEMS])
    with fleet.device().allowed() as me:
        outcome = me.contributions.sync()
        assert len(outcome.refused) == 2
        assert "does not keep" in outcome.refused[0]
        assert "version 2" in outcome.refused[1]
        assert outcome.queued == (made.name,)


def test_a_universe_names_nobody_knows_how_many_items(fleet: Fleet) -> None:
    raw = b"".join(b"%d\n" % number for number in range(200_000))
    universe = Universe(items=150_000, digest=hashlib.sha256(raw).hexdigest())
    made = asked(narrow(item_counts(universe)))
    signed_as(
        fleet,
        {
            index_path(CHANNEL): index_of(encode_task(made)),
            task_path(CHANNEL, made.id.hex()): encode_task(made),
            universe_path(CHANNEL, universe.digest or ""): raw,
        },
    )
    with fleet.device().allowed() as me:
        (why,) = me.contributions.sync().refused
        assert "different ones" in why


# When


@pytest.mark.parametrize(
    ("opens", "closes", "expires", "why"),
    [
        (-3 * DAY, -DAY, -1, "expired"),
        (-3 * DAY, -DAY, 0, "expired"),
        (-3 * DAY, 0, DAY, "closed"),
        (DAY, 2 * DAY, 3 * DAY, "not open yet"),
        (1, 2 * DAY, 3 * DAY, "not open yet"),
    ],
)
def test_a_task_gets_reports_out_of_its_time(fleet: Fleet, opens: int, closes: int, expires: int, why: str) -> None:
    now = int(NOW)
    assert why in refused(fleet, asked(opens=now + opens, closes=now + closes, expires=now + expires))


def test_a_task_that_was_taken_off_gets_the_report_that_was_due(fleet: Fleet) -> None:
    fleet.ask(asked(delay_seconds=3600))
    with fleet.device().allowed() as me:
        me.contributions.sync()
        (view,) = me.contributions.tasks()
        assert view.due is not None
        assert view.due > NOW
        fleet.ask()
        fleet.clock.advance(2 * 3600)
        assert me.contributions.sync().queued == ()
    assert fleet.leader.arrived == []


# Whom, and for what


def test_a_crowd_of_a_few_is_enough_to_reveal(fleet: Fleet) -> None:
    assert "99" in refused(fleet, asked(minimum_batch=99))
    assert "100" in refused(fleet, asked(minimum_batch=99))


def test_an_application_cannot_ask_for_a_larger_crowd(fleet: Fleet) -> None:
    assert "1000" in refused(fleet, asked(), own=hs.Contributions(least_batch=1000))


def test_one_place_reads_every_report(fleet: Fleet) -> None:
    made = asked(development=True)
    assert "development" in refused(fleet, made)
    with fleet.device("other", own=hs.Contributions(allow_development=True)).allowed() as me:
        assert me.contributions.sync().queued == (made.name,)
        assert "development" in str(me.contributions.tasks()[0])


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://localhost", "http://[::1]:9"])
def test_the_devices_own_machine_is_a_party(fleet: Fleet, url: str) -> None:
    for role in ("leader", "helper"):
        named: dict[str, Any] = {role: msgspec.structs.replace(party(role), url=url), "name": role}
        assert "this very machine" in refused(fleet, asked(**named))
    with fleet.device("other", own=hs.Contributions(allow_development=True)).allowed() as me:
        me.contributions.sync()
        assert me.contributions.tasks()[0].state == "done"


def test_a_task_costs_more_than_one_may(fleet: Fleet) -> None:
    statistic = asked().statistic
    made = asked(epsilon="2.5", sigma=sigma_of(statistic, 2.5))
    assert "one task may cost 2" in refused(fleet, made)


def test_a_large_delta_hides_that_there_is_hardly_any_noise(fleet: Fleet) -> None:
    # The smallest ε that can be written down is kept by any noise where δ is large.
    for delta in ("0.99999", "0.01"):
        with pytest.raises(MisuseError, match="fail too often"):
            asked(epsilon="0.000000000001", delta=delta, sigma=10**6)
    assert "it names δ 0.0001," in refused(fleet, asked(delta="0.0001"))


def test_a_task_is_charged_by_the_delta_of_its_own_choosing(fleet: Fleet) -> None:
    statistic = asked().statistic
    made = asked(delta="0.00001", sigma=sigma_of(statistic, 1.0, 1e-5))
    true = Decimal(epsilon_of(float(made.rho), 1e-6))
    fleet.ask(made)
    device = fleet.device()
    with device.allowed() as me:
        me.contributions.sync()
        (view,) = me.contributions.tasks()
        assert (view.epsilon, view.delta) == ("1", "0.00001")
        assert Decimal(1) < true <= Decimal(view.charged) < true + Decimal("0.0001")
        assert view.charged in str(view)
        mine = [entry for entry in me.ledger.entries() if entry.purpose == "contribution"]
        assert {entry.epsilon_spent for entry in mine} == {view.charged}
        assert Decimal(mine[-1].epsilon_left) == 8 - Decimal(view.charged)
    (line,) = FileGiven.beside(device.folder / "profile").read()
    assert line.epsilon == made.price
    own = hs.Contributions(task_epsilon=Decimal(1))
    with fleet.device("other", own=own).allowed() as me:
        me.contributions.sync()
        assert "one task may cost 1 here" in me.contributions.tasks()[0].why


def test_many_tasks_cost_more_than_a_lifetime(fleet: Fleet) -> None:
    settings = dataclasses.replace(QUICK, lifetime_epsilon=Decimal("2.5"))
    tasks = [asked(name=f"week-{number}") for number in range(4)]
    fleet.ask(*tasks)
    with fleet.device(settings=settings).allowed() as me:
        assert sum(len(me.contributions.sync().queued) for _ in range(4)) == 2
        states = [view.state for view in me.contributions.tasks()]
        assert states == ["done", "done", "refused", "refused"]
        assert "0.5 is left" in me.contributions.tasks()[2].why
        assert sum(Decimal(total.epsilon_spent) for total in me.ledger.totals()) == 2


@pytest.mark.parametrize(
    ("purpose", "granted", "is_made"),
    [
        ("contribution", (STORAGE, PERSONALIZATION), False),
        ("contribution", (STORAGE, PERSONALIZATION, MEASUREMENT), False),
        ("contribution", (STORAGE, CONTRIBUTION), True),
        ("measurement", (STORAGE, CONTRIBUTION), False),
        ("measurement", (STORAGE, MEASUREMENT), False),
        ("measurement", (STORAGE, CONTRIBUTION, MEASUREMENT), True),
    ],
)
def test_a_report_serves_a_purpose_that_nobody_consented_to(
    fleet: Fleet, purpose: str, granted: tuple[hs.Purpose, ...], *, is_made: bool
) -> None:
    fleet.ask(asked(purpose=purpose))
    with fleet.device().allowed(*granted) as me:
        me.contributions.sync()
        (view,) = me.contributions.tasks()
        assert (view.state == "done") is is_made
        assert is_made or f"does not allow '{purpose}'" in view.why
    assert len(fleet.leader.arrived) == is_made


def test_a_report_is_made_before_anything_may_be_stored(fleet: Fleet) -> None:
    fleet.ask(asked())
    device = fleet.device()
    with device.open() as me:
        me.contributions.sync()
        assert me.contributions.tasks()[0].state == "refused"
    assert fleet.leader.arrived == []
    assert not (device.folder / "profile").exists()
    assert not (device.folder / "profile.given").exists()


@pytest.mark.parametrize("right", ["restrict", "object", "private"])
def test_a_report_is_made_against_what_the_person_set(fleet: Fleet, right: str) -> None:
    fleet.ask(asked())
    with fleet.device().allowed() as me:
        if right == "private":
            with me.controls.private_session():
                assert me.contributions.sync().problem is not None
        else:
            getattr(me.controls, right)()
            assert me.contributions.sync().queued == ()
    assert fleet.leader.arrived == []


def test_what_no_device_computes_is_answered_with_anything(fleet: Fleet) -> None:
    assert "cannot be computed" in refused(fleet, asked(narrow(metric_sums(("ndcg",)))))
    assert "no experiments" in refused(fleet, asked(purpose="measurement", experiment="d" * 64))


def test_reports_tell_who_has_something_to_say(fleet: Fleet) -> None:
    """Somebody with events and somebody without report alike: at the same time, in the same length, for the same ε."""
    made = asked(narrow(item_counts(universe_of(tuple(fleet.bundle.items[:6])))))
    fleet.ask(made, items=tuple(fleet.bundle.items[:6]))
    said: list[SendOutcome | None] = []
    for name, liked in (("silent", ()), ("keen", fleet.bundle.items[:6])):
        with fleet.device(name).allowed() as me:
            for item in liked:
                me.record(item, weight=5.0)
            said.append(me.contributions.sync().sent)
    first, second = fleet.leader.reports(made)
    assert said[0] is not None
    assert len({len(payload) for _, payload in fleet.leader.arrived}) == 1
    assert first.time == second.time
    assert first.report_id != second.report_id
    # One half of nothing, and a sixth of the squared norm for each item: ⌊8192 / √6⌋.
    assert fleet.leader.total(made).tolist() == [3344] * 6
