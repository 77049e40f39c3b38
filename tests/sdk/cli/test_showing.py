"""What a person would not be told about their profile, or what looking at it would change."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

import homespun as hs
from homespun.config import Retention
from homespun.protocol.egress import EgressEntry, verify_chain
from tests.sdk.cli.support import BOTH, PHRASE, Answer, Options, Run, opened
from tests.sdk.people import CONTRIBUTION, DESTINATION, EXPLANATION_LOG, Machine, kept, queue
from tests.sdk.profile.support import QUICK, contents

DAY = 86_400.0


def lines_under(heading: str, out: str) -> list[str]:
    """The indented lines under a heading."""
    lines = out.splitlines()
    start = lines.index(heading) + 1
    end = next((n for n in range(start, len(lines)) if not lines[n].startswith("  ")), len(lines))
    return [line.strip() for line in lines[start:end]]


def test_a_profile_is_not_shown(run: Run, whole: Options) -> None:
    out = run.done("profile", "show", *whole)
    assert out.startswith("3 events, 2 consent records, ")
    allowed = lines_under("What you allow:", out)
    assert "personalization  allowed" in allowed
    assert "contribution     not allowed (never asked)" in allowed
    assert lines_under("What you did last:", out) == ["rate 4.5: Title № 3", "watch: Title № 8", "buy: unheard-of"]
    assert lines_under("What you did last:", run.done("profile", "show", "-k", 1, *whole)) == ["buy: unheard-of"]
    assert "What you set:" not in out
    assert "What you declared:" not in out


def test_the_passphrase_is_not_asked_for(run: Run, profile: Path, bundle_folder: Path, answer: Answer) -> None:
    asked = answer(PHRASE)
    run.done("profile", "show", "--bundle", bundle_folder, "--profile", profile)
    assert asked == ["Passphrase: "]


def test_what_was_set_or_declared_is_not_shown(run: Run, whole: Options, machine: Machine) -> None:
    with opened(machine) as me:
        tag = me.interests()[0].tag
        me.controls.hide_item("item-8")
        me.controls.set_interest(tag, 0.25)
        me.controls.frequency_cap(3, 14)
        me.attributes.set("language", "sv")
    out = run.done("profile", "show", *whole)
    assert lines_under("What you set:", out) == [
        "1. never show Title № 8",
        f"2. interest in {tag} 25%",
        "3. show an item at most 3 times in 14 days",
    ]
    assert lines_under("What you declared:", out) == ["language: sv"]
    assert f"25% {tag}, as you set it" in lines_under("What you seem to like most:", out)


def test_what_was_set_back_is_shown_as_set(run: Run, whole: Options, machine: Machine) -> None:
    with opened(machine) as me:
        me.controls.pause()
        me.controls.resume()
        me.controls.more_like("item-8")
        me.controls.less_like("item-8")
        me.controls.hide_item("item-3")
        me.controls.undo()
        me.controls.veto("no such tag")
        me.controls.frequency_cap(3)
        me.controls.frequency_cap(None)
    shown = lines_under("What you set:", run.done("profile", "show", *whole))
    assert shown == ["4. less like Title № 8", "7. no interest in no such tag"]


def test_interests_are_not_the_strongest_or_shown_where_they_are_not_used(
    run: Run, whole: Options, machine: Machine
) -> None:
    with opened(machine) as me:
        expected = [f"{each.weight:.0%} {each.tag}" for each in me.interests()[:2]]
    found = lines_under("What you seem to like most:", run.done("profile", "show", "-k", 2, *whole))
    assert [line.split(",")[0] for line in found] == expected
    with opened(machine) as me:
        me.controls.object()
    assert "What you seem to like most:" not in run.done("profile", "show", *whole)


def test_a_part_of_the_profile_is_left_out_of_its_sizes(run: Run, whole: Options, machine: Machine) -> None:
    with opened(machine, *BOTH, EXPLANATION_LOG, CONTRIBUTION) as me:
        me.controls.frequency_cap(5)
        me.attributes.set("language", "sv")
        me.recommend(4)
        queue(me)
        counts = kept(me)
    told = lines_under("What there is, in rows:", run.done("profile", "show", *whole))
    numbers = {line.split(" ", 1)[1]: int(line.split(" ", 1)[0]) for line in told}
    assert numbers.pop("What was inferred about you") > 0
    assert numbers == {
        "What you did": counts["epoch.event"],
        "What you said about yourself": counts["state.attribute"],
        "What you set": counts["state.control"],
        "What you allowed and refused": counts["profile.consent"],
        "Why things were recommended": counts["epoch.decision"],
        "What left this device": counts["profile.egress"],
        "Outbox": counts["profile.outbox"],
        "Exposures": counts["epoch.exposure"],
    }
    assert 0 not in numbers.values()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (QUICK, ["all: 730 days, the latest 200,000"]),
        (
            replace(QUICK, retention=Retention(), retention_of={"watch": Retention(days=1.5, events=1)}),
            ["all: until they are erased", "watch: 1.5 days, the latest 1"],
        ),
    ],
)
def test_the_retention_is_not_the_applications(
    run: Run, machine: Machine, secret: Path, bundle_folder: Path, settings: hs.Settings, told: list[str]
) -> None:
    with machine.allowed(*BOTH, key=hs.Key.passphrase(PHRASE), settings=settings) as me:
        me.record("item-3")
    out = run.done(
        "profile", "show", "--profile", machine.folder, "--passphrase-file", secret, "--bundle", bundle_folder
    )
    assert lines_under("How long events are kept:", out) == told


def test_looking_deletes_what_the_application_keeps_for_longer(
    run: Run, machine: Machine, secret: Path, bundle_folder: Path
) -> None:
    settings = replace(QUICK, retention=Retention())
    machine.clock.advance(time.time() - 1000 * DAY - machine.clock())
    with machine.allowed(*BOTH, key=hs.Key.passphrase(PHRASE), settings=settings) as me:
        me.record("item-3")
    # A clock that jumps so far is not believed at once.
    for days in (997, 2):
        machine.clock.advance(days * DAY)
        machine.open(key=hs.Key.passphrase(PHRASE), settings=settings).close()
    key = ("--profile", machine.folder, "--passphrase-file", secret)
    assert run.done("profile", "show", *key, "--bundle", bundle_folder).startswith("1 event, ")
    assert "1 event, " in run.done("profile", "check", *key)
    with machine.open(key=hs.Key.passphrase(PHRASE), settings=settings) as me:
        assert len(me.events()) == 1


def test_looking_takes_back_what_the_application_declared(
    run: Run, machine: Machine, secret: Path, bundle_folder: Path
) -> None:
    settings = replace(QUICK, strictly_necessary="The list that was asked for has to be kept.")
    with machine.open(key=hs.Key.passphrase(PHRASE), settings=settings) as me:
        before = me.consent.records()
        assert me.consent.granted(hs.Purpose.DEVICE_STORAGE)
    key = ("--profile", machine.folder, "--passphrase-file", secret)
    out = run.done("profile", "show", *key, "--bundle", bundle_folder)
    assert "device_storage   allowed" in lines_under("What you allow:", out)[0]
    with machine.open(key=hs.Key.passphrase(PHRASE), settings=settings) as me:
        assert me.consent.records() == before


@pytest.mark.parametrize("command", [["ledger"], ["ledger", "--json"], ["profile", "check"]])
def test_looking_writes_something(run: Run, key: Options, profile: Path, command: list[str]) -> None:
    before = contents(profile)
    run.done(*command, *key)
    assert contents(profile) == before


def test_nobody_is_told_that_nothing_left(run: Run, key: Options) -> None:
    out = run.done("ledger", *key)
    assert out == "Nothing has left the profile that is here now, and nothing is waiting to leave it.\n"
    assert run.done("ledger", "--json", *key) == ""


def test_what_left_is_not_told(run: Run, key: Options, machine: Machine) -> None:
    with opened(machine, CONTRIBUTION) as me:
        queue(me)
        me._home.egress.send_pending()
        queue(me, b"another")
    out = run.done("ledger", *key)
    assert out.startswith("1 contribution (19 bytes) left this device; 1 waiting to leave it.")
    assert [line.split()[0] for line in out.splitlines()[3:]] == ["1", "2", "3", "4"]
    assert DESTINATION in out
    lines = run.done("ledger", "--json", *key).splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["state"] for entry in entries] == ["queued", "sending", "sent", "queued"]
    verify_chain([EgressEntry(**entry) for entry in entries])
    assert machine.wire.delivered == [b"a bounded statistic"]


def test_a_ledger_that_was_changed_is_shown_as_whole(run: Run, key: Options, machine: Machine) -> None:
    with opened(machine, CONTRIBUTION) as me:
        queue(me)
        store = me._home.store()
        assert store is not None
        with store._databases() as vaults, vaults.writing_main() as main:
            main.execute("UPDATE egress SET record = replace(record, ?, ?)", (DESTINATION, "https://elsewhere.example"))
    run.fails("ledger", "ledger", *key)
    run.fails("ledger", "ledger", "--json", *key)
    run.fails("ledger", "profile", "check", *key)


def test_a_changed_page_passes_the_check(run: Run, key: Options, profile: Path) -> None:
    assert "3 events" in run.done("profile", "check", *key)
    (epoch,) = profile.glob("epoch-*.db")
    content = bytearray(epoch.read_bytes())
    content[-100] ^= 1
    epoch.write_bytes(content)
    run.fails("cannot be trusted", "profile", "check", *key)


def test_a_profile_that_is_withdrawn_and_still_open_elsewhere_looks_whole(
    run: Run, key: Options, machine: Machine
) -> None:
    with opened(machine) as me, opened(machine) as other:
        with pytest.raises(hs.errors.ProfileBusyError):
            me.consent.withdraw(hs.Purpose.DEVICE_STORAGE)
        assert "Storage was withdrawn" in run.done("profile", "check", *key)
        assert other.events() == []
