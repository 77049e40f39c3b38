"""Whatever a person does in whatever order, a profile is like a model of it in plain Python."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import homespun as hs
from homespun.config import Settings
from homespun.errors import MisuseError, ProfileBusyError
from homespun.profile.files import KEY, LOCK, VAULT, listed, side_files
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.protocol.events import Event
from homespun.testing import FakeClock

DAY = 86_400.0
KEPT_DAYS = 30.0
TERM_DAYS = 3.0
SETTINGS = Settings(
    busy_timeout_ms=0, epoch_days=2.0, retention=hs.Retention(days=KEPT_DAYS), attributes=("language", "age")
)
NOTICES = (hs.Notice("May we?"), hs.Notice("May we, please?"))

STORAGE, PERSONALIZATION = hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION
MEASUREMENT, CONTRIBUTION = hs.Purpose.MEASUREMENT, hs.Purpose.CONTRIBUTION
PURPOSES = (STORAGE, PERSONALIZATION, MEASUREMENT)
OTHERS = (PERSONALIZATION, MEASUREMENT)
FORBIDDEN = {MEASUREMENT, CONTRIBUTION}

ITEMS = ("item-1", "item-2", "item-4", "unknown")
TAG, TAGGED = "tag-1", {"item-1", "item-4"}
KINDS = ("view", "rate")

items, kinds = st.sampled_from(ITEMS), st.sampled_from(KINDS)
purposes = st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=3, unique=True)
both = st.just((STORAGE, PERSONALIZATION))
others = st.lists(st.sampled_from(OTHERS), min_size=1, unique=True)
identities = st.sampled_from([None, "a", "b"])
ages = st.sampled_from([None, 0.0, 1.5, 10.0])
"""How many days before now something happened; None where nobody says."""

Kept = tuple[float, Event]
"""When it was recorded, and what."""


@dataclass
class Set:
    """One thing that the person set."""

    control: str
    target: str | None
    value: bool
    stands: bool = True


@dataclass
class Model:
    """What the person would expect to find."""

    stored: bool = False
    chosen: dict[hs.Purpose, float | None] = field(default_factory=dict)
    gpc: bool = False
    events: list[Kept] = field(default_factory=list)
    sets: list[Set] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    def granted(self, purpose: hs.Purpose, now: float) -> bool:
        until = self.chosen.get(purpose, 0.0)
        return (until is None or now < until) and not (self.gpc and purpose in FORBIDDEN)

    def may_record(self, now: float) -> bool:
        return self.stored and self.granted(PERSONALIZATION, now) and not self.is_set("pause", None)

    def is_set(self, control: str, target: str | None) -> bool:
        values = [each.value for each in self.sets if (each.control, each.target) == (control, target) and each.stands]
        return values[-1] if values else False

    def add(self, now: float, events: Sequence[Event]) -> int:
        known = {event.id for _, event in self.events} - {None}
        before = len(self.events)
        for event in events:
            if event.id not in known:
                self.events.append((now, event))
                known |= {event.id} - {None}
        return len(self.events) - before

    def drop(self, *, items: set[str] | None = None, kind: str | None = None, start: float = 0.0) -> None:
        def goes(recorded: float, event: Event) -> bool:
            time = recorded if event.time is None else event.time
            return (items is None or event.item in items) and kind in (None, event.kind) and time >= start

        self.events = [(recorded, event) for recorded, event in self.events if not goes(recorded, event)]

    def drop_set(self, targets: set[str]) -> None:
        self.sets = [each for each in self.sets if each.target not in targets]


class Machine(RuleBasedStateMachine):
    """Uses one profile through one handle, and now and then through two."""

    def __init__(self, bundle: hs.Bundle, *, on_disk: bool) -> None:
        super().__init__()
        self.films, self.on_disk = bundle, on_disk
        self.root = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.key = bytes(32)
        self.model = Model()
        self.number = 0
        self.begun = 0
        self.me = self.opened()
        self.other: hs.Personalizer | None = None

    def teardown(self) -> None:
        self.me.close()
        self.close_second()
        shutil.rmtree(self.root)

    @property
    def folder(self) -> Path:
        return self.root / "profile"

    def opened(self) -> hs.Personalizer:
        key = hs.Key.bytes(self.key) if self.on_disk else hs.Key.ephemeral()
        folder = self.folder if self.on_disk else None
        return hs.Personalizer.open(folder, key=key, bundle=self.films, settings=SETTINGS, clock=self.clock)

    def handle(self, second: bool) -> hs.Personalizer:  # noqa: FBT001 - drawn
        return self.other if second and self.other is not None else self.me

    def event(self, item: str, kind: str, age: float | None, identity: str | None) -> Event:
        self.number += 1
        time = None if age is None else self.clock() - age * DAY
        return Event(item, kind, time, None, {"number": self.number}, identity)

    @property
    def has_lived(self) -> bool:
        """Whether there was time for something to happen, so that not every profile ends at once."""
        return self.number >= self.begun + 12 or not self.model.stored

    def end_profile(self) -> None:
        self.model, self.begun = Model(), self.number

    # Choices

    @initialize(allowed=st.sampled_from([True, True, True, False]))
    def begin(self, allowed: bool) -> None:  # noqa: FBT001 - drawn
        if allowed:
            self.grant_all(self.me, (STORAGE, PERSONALIZATION), None, NOTICES[0])

    @rule(second=st.booleans(), purposes=purposes | both, term=st.booleans(), notice=st.sampled_from(NOTICES))
    def grant(self, second: bool, purposes: Sequence[hs.Purpose], term: bool, notice: hs.Notice) -> None:  # noqa: FBT001
        self.grant_all(
            self.handle(second), purposes, TERM_DAYS if term and set(purposes) == {MEASUREMENT} else None, notice
        )

    def grant_all(
        self, me: hs.Personalizer, purposes: Sequence[hs.Purpose], until: float | None, notice: hs.Notice
    ) -> None:
        me.consent.grant(*purposes, notice=notice, valid_days=until)
        for purpose in purposes:
            self.model.chosen[purpose] = None if until is None else self.clock() + until * DAY
        self.model.stored = self.model.stored or STORAGE in purposes

    @rule(second=st.booleans(), purposes=others, refuse=st.booleans())
    def end(self, second: bool, purposes: Sequence[hs.Purpose], refuse: bool) -> None:  # noqa: FBT001
        self.end_choices(self.handle(second), purposes, refuse=refuse)

    def end_choices(self, me: hs.Personalizer, purposes: Sequence[hs.Purpose], *, refuse: bool) -> None:
        if refuse:
            me.consent.refuse(*purposes, notice=NOTICES[0])
        else:
            me.consent.withdraw(*purposes)
        for purpose in purposes:
            self.model.chosen.pop(purpose, None)

    @precondition(lambda self: self.has_lived)
    @rule(purposes=purposes, refuse=st.booleans())
    def end_storage(self, purposes: Sequence[hs.Purpose], refuse: bool) -> None:  # noqa: FBT001
        self.close_second()
        self.end_choices(self.me, list({STORAGE, *purposes}), refuse=refuse)
        # Without a profile, what was set for one to come stays.
        if self.model.stored:
            self.end_profile()

    @precondition(lambda self: self.other is not None and self.has_lived)
    @rule(second=st.booleans())
    def withdraw_storage_that_another_uses(self, second: bool) -> None:  # noqa: FBT001
        me, other = (self.other, self.me) if second else (self.me, self.other)
        assert me
        assert other
        with pytest.raises(ProfileBusyError):
            me.consent.withdraw(STORAGE)
        assert me.record("item-1") is False
        assert other.record("item-1") is False
        assert not self.folder.exists()
        self.end_profile()
        self.close_second()

    @rule(second=st.booleans(), gpc=st.booleans())
    def signal(self, second: bool, gpc: bool) -> None:  # noqa: FBT001
        self.handle(second).consent.signal(gpc=gpc)
        self.model.gpc = gpc

    # Events

    @rule(second=st.booleans(), item=items, kind=kinds, age=ages, identity=identities)
    def record(self, second: bool, item: str, kind: str, age: float | None, identity: str | None) -> None:  # noqa: FBT001
        self.record_one(second, item, kind, age, identity)

    def record_one(self, second: bool, item: str, kind: str, age: float | None, identity: str | None) -> None:  # noqa: FBT001
        now, event = self.clock(), self.event(item, kind, age or 0.0, identity)
        recorded = self.handle(second).record(item, kind, time=event.time, context=event.context, id=identity)
        assert recorded is self.model.may_record(now)
        if recorded:
            self.model.add(now, [event])

    @rule(second=st.booleans(), wanted=st.lists(st.tuples(items, kinds, ages, identities), max_size=5))
    def record_many(self, second: bool, wanted: list[tuple[str, str, float | None, str | None]]) -> None:  # noqa: FBT001
        now, events = self.clock(), [self.event(*each) for each in wanted]
        added = self.handle(second).record_many(events)
        if self.model.may_record(now):
            assert added == self.model.add(now, events)
        else:
            assert added is None

    @precondition(lambda self: self.model.may_record(self.clock()))
    @rule(second=st.booleans(), days=st.sampled_from([0.0, 0.5, 3.0]))
    def record_some(self, second: bool, days: float) -> None:  # noqa: FBT001
        for item in ITEMS:
            for kind in KINDS:
                self.record_one(second, item, kind, None, "a" if (item, kind) == ("item-2", "view") else None)
            self.clock.advance(days * DAY)

    # Controls and attributes

    @rule(second=st.booleans(), item=items, on=st.booleans())
    def hide(self, second: bool, item: str, on: bool) -> None:  # noqa: FBT001
        self.handle(second).controls.hide_item(item, on=on)
        self.model.sets.append(Set("hide_item", item, on))

    @rule(second=st.booleans(), on=st.booleans())
    def pause(self, second: bool, on: bool) -> None:  # noqa: FBT001
        controls = self.handle(second).controls
        controls.pause() if on else controls.resume()
        self.model.sets.append(Set("pause", None, on))

    @rule(second=st.booleans())
    def undo(self, second: bool) -> None:  # noqa: FBT001
        standing = [each for each in self.model.sets if each.stands]
        if not standing:
            with pytest.raises(MisuseError):
                self.handle(second).controls.undo()
            return
        self.handle(second).controls.undo()
        standing[-1].stands = False

    @rule(second=st.booleans(), name=st.sampled_from(SETTINGS.attributes), value=st.sampled_from([None, "one", "two"]))
    def declare(self, second: bool, name: str, value: str | None) -> None:  # noqa: FBT001
        attributes = self.handle(second).attributes
        if value is not None:
            attributes.set(name, value)
            self.model.attributes[name] = value
        elif name in self.model.attributes:
            attributes.remove(name)
            del self.model.attributes[name]

    # Erasing

    @rule(second=st.booleans(), item=items)
    def erase_item(self, second: bool, item: str) -> None:  # noqa: FBT001
        self.handle(second).erase(item=item)
        self.model.drop(items={item})
        self.model.drop_set({item})

    @rule(second=st.booleans())
    def erase_tag(self, second: bool) -> None:  # noqa: FBT001
        self.handle(second).erase(tag=TAG)
        self.model.drop(items=TAGGED)
        self.model.drop_set(TAGGED)

    @rule(second=st.booleans(), kind=kinds, item=st.none() | items)
    def erase_kind(self, second: bool, kind: str, item: str | None) -> None:  # noqa: FBT001
        self.handle(second).erase(kind=kind, item=item)
        self.model.drop(kind=kind, items=None if item is None else {item})

    @rule(second=st.booleans(), days=st.sampled_from([0.0, 1.0, 5.0]))
    def erase_time(self, second: bool, days: float) -> None:  # noqa: FBT001
        start = self.clock() - days * DAY
        self.handle(second).erase(between=(start, None))
        self.model.drop(start=start)

    @precondition(lambda self: self.model.events)
    @rule(second=st.booleans(), data=st.data())
    def rectify(self, second: bool, data: st.DataObject) -> None:  # noqa: FBT001
        _, wrong = data.draw(st.sampled_from(self.model.events))
        right = Event(data.draw(items), wrong.kind, wrong.time, None, wrong.context, wrong.id)
        there = self.handle(second).events()
        assert self.handle(second).rectify(wrong, right) == (wrong in there and wrong != right)
        self.model.events = [(at, right if event == wrong else event) for at, event in self.model.events]

    @precondition(lambda self: self.has_lived)
    @rule()
    def erase_all(self) -> None:
        if self.other is not None:
            with pytest.raises(ProfileBusyError):
                self.me.erase()
            self.close_second()
        self.me.erase()
        self.end_profile()

    # Handles, keys and time

    @precondition(lambda self: self.on_disk or self.has_lived)
    @rule()
    def reopen(self) -> None:
        self.me.close()
        self.me = self.opened()
        if not (self.model.stored and self.on_disk):
            self.end_profile()

    @precondition(lambda self: self.on_disk and self.model.stored and self.other is None)
    @rule()
    def open_other(self) -> None:
        self.other = self.opened()

    @precondition(lambda self: self.other is not None)
    @rule()
    def close_other(self) -> None:
        self.close_second()

    def close_second(self) -> None:
        if self.other is not None:
            self.other.close()
            self.other = None

    @rule(change=st.booleans())
    def rekey(self, change: bool) -> None:  # noqa: FBT001
        self.close_second()
        with self.refused_unless(self.on_disk and self.model.stored):
            if change:
                new = bytes([self.key[0] ^ 1, *self.key[1:]])
                self.me.keys.change(hs.Key.bytes(new))
                self.key = new
            else:
                self.me.keys.rotate()

    @contextmanager
    def refused_unless(self, allowed: object) -> Iterator[None]:
        if allowed:
            yield
        else:
            with pytest.raises(MisuseError):
                yield

    @rule(days=st.sampled_from([0.1, 1.0, 2.5, 20.0]))
    def wait(self, days: float) -> None:
        self.clock.advance(days * DAY)

    # What always holds

    @invariant()
    def events_are_those_of_the_model(self) -> None:
        oldest = self.clock() - KEPT_DAYS * DAY
        for me in self.handles():
            found = me.events()
            # What is too old may be there until somebody looks at it, and does not come back.
            self.model.events = [(at, event) for at, event in self.model.events if event in found or at >= oldest]
            assert found == [event for _, event in self.model.events if event in found]
            assert [event for at, event in self.model.events if at >= oldest and event not in found] == []

    @invariant()
    def choices_and_controls_are_those_of_the_model(self) -> None:
        now = self.clock()
        granted = {purpose for purpose in hs.Purpose if self.model.granted(purpose, now)}
        hidden = {item for item in ITEMS if self.model.is_set("hide_item", item)}
        for me in self.handles():
            assert {purpose for purpose, status in me.consent.status().items() if status.granted} == granted
            steering = me.controls.current()
            assert set(steering.hidden_items) == hidden
            assert steering.paused is self.model.is_set("pause", None)
            assert dict(me.attributes) == self.model.attributes

    @invariant()
    def files_are_those_of_the_index(self) -> None:
        beside = set(listed(self.root)) - {"profile.erased", "profile.erased.lock"}
        if not (self.model.stored and self.on_disk):
            assert beside == set()
            return
        assert beside == {"profile"}
        file, store = read_key_file(self.folder), self.me._home.store()
        assert isinstance(file, KeyFile)
        assert store is not None
        wanted = {file.database, *store.vault_keys()}
        found = set(listed(self.folder))
        assert {name for name in found if VAULT.fullmatch(name)} == wanted
        assert found <= {KEY, LOCK, *(name for each in wanted for name in side_files(each))}

    def handles(self) -> list[hs.Personalizer]:
        return [each for each in (self.me, self.other) if each is not None]


@pytest.mark.parametrize("on_disk", [True, False], ids=["on disk", "in memory"])
def test_a_profile_differs_from_what_the_person_did(bundle: hs.Bundle, on_disk: bool) -> None:  # noqa: FBT001
    machine: Any = lambda: Machine(bundle, on_disk=on_disk)  # noqa: E731
    # Fewer than of a pure function, because each step waits for the disk.
    examples = settings().max_examples // 4
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40))
