"""What is interrupted: scripts of steps, each acknowledged once it is done, and what a profile then has to hold.

A *model* says in plain Python what the person would find after a step. After a crash the profile has to be like the
model of the last acknowledged step, or like that of the step which was going on: nothing else, nothing in between.
"""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

from homespun.config import Retention, Settings
from homespun.consent import Notice, Purpose
from homespun.home import Home
from homespun.person.keys import Keys
from homespun.profile import Key, KeyStore, Place, Selection, erasure_keys, keys, opening, sealing
from homespun.profile.files import Entropy
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, ExplanationRecord, ItemEntry
from homespun.testing import FakeClock
from tests.sdk.profile.faults.keeping import FileKeyring, FileKeyStore

VECTOR = Path(__file__).parents[3] / "vectors" / "1" / "profile"

DAY = 86_400.0
KEPT_DAYS = 3.0
KEPT_EVENTS = 40

SETTINGS = Settings(
    busy_timeout_ms=50,
    argon2_memory_kib=8 * 1024,
    argon2_iterations=1,
    argon2_lanes=1,
    epoch_days=1.0,
    retention=Retention(days=KEPT_DAYS, events=KEPT_EVENTS),
)

NOTICE = Notice("May we keep in secret-notice what you like?")
PURPOSES = (Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION, Purpose.EXPLANATION_LOG)

WORDS = [
    *("film-of-secrets", "secretly-viewed", "secret-place", "secret-id", "secret-notice", "secret-tag"),
    *("secret-language", "secret-bundle", "secret-surface", "device_storage", "language"),
]
"""What must not be read anywhere outside."""


@dataclass(frozen=True)
class Stage:
    """Where a phase plays.

    Attributes:
        root: Holds the profile's folder and what is kept outside it.
        outside: Whether an application's key store keeps the keys.
        entropy: Gives keys and names.
        clock: Gives the time.
    """

    root: Path
    outside: bool
    entropy: Entropy
    clock: FakeClock

    @property
    def folder(self) -> Path:
        return self.root / "profile"

    @property
    def key_store(self) -> FileKeyStore | None:
        return FileKeyStore(self.root / "keys") if self.outside else None

    @property
    def keyring(self) -> FileKeyring:
        return FileKeyring(self.root / "keyring.json")

    def key(self, name: str) -> Key:
        if name == "keyring":
            return Key.keyring("tests", "person")
        return Key.bytes(bytes(range(32)) if name == "first" else bytes(32))

    def home(self, key: str = "first") -> Home:
        store: KeyStore | None = self.key_store
        return Home(Place(self.folder, self.key(key), SETTINGS, self.entropy, store), clock=self.clock)


@dataclass
class Model:
    """What the person would find."""

    now: float
    key: str = "first"
    granted: frozenset[str] = frozenset()
    events: list[tuple[float, Event]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    attributes: dict[str, Any] = field(default_factory=dict)
    decisions: list[tuple[float, str]] = field(default_factory=list)

    def seen(self) -> tuple[Any, ...]:
        """Return what ``seen`` returns of a profile that is opened now, as far as age decides."""
        oldest = self.now - KEPT_DAYS * DAY
        events = [event for at, event in self.events if at >= oldest]
        decisions = [item for at, item in self.decisions if at >= oldest]
        return self.granted, events, self.hidden, self.attributes, decisions


def seen(home: Home) -> tuple[Any, ...]:
    granted = frozenset(str(purpose) for purpose, status in home.consent_status().items() if status.granted)
    items = [record.items[0].item for record in home.decisions()]
    return granted, home.events(), set(home.steering().hidden_items), dict(home.attributes()), items


@dataclass(frozen=True)
class Step:
    """One thing that is done, acknowledged, and known to the model."""

    do: Callable[[Stage, Home], object]
    after: Callable[[Model], None]
    advance: float = 0.0

    def make(self, stage: Stage, home: Home) -> None:
        stage.clock.advance(self.advance)
        self.do(stage, home)

    def change(self, model: Model) -> None:
        model.now += self.advance
        self.after(model)


def use_keyring(keyring: FileKeyring, replace: Callable[[ModuleType, str, Any], object]) -> None:
    """Make it the operating system's."""
    for module in (erasure_keys, keys, opening, sealing):
        replace(module, "system_keyring", lambda: keyring)


def _nothing(*_: object) -> None:
    pass


def secret_event(number: int, *, identified: bool = False, item: str | None = None) -> Event:
    return Event(
        item or f"film-of-secrets-{number}",
        "secretly-viewed",
        1_600_000_000.0 + number,
        None,
        {"place": "secret-place"},
        f"secret-id-{number}" if identified else None,
    )


def record(*events: Event, new: int | None = None, advance: float = 0.0, power: bool = False) -> Step:
    def do(_: Stage, home: Home) -> None:
        added = home.add_all(list(events), "power" if power else None)
        assert added == (len(events) if new is None else new)

    def after(model: Model) -> None:
        known = {event.id for _, event in model.events if event.id is not None}
        model.events += [(model.now, event) for event in events if event.id not in known]

    return Step(do, after, advance)


def numbered(numbers: range, **options: Any) -> list[Step]:
    return [record(secret_event(number, **options)) for number in numbers]


def grant() -> Step:
    def do(_: Stage, home: Home) -> None:
        home.grant(PURPOSES, NOTICE, "secret-surface", "explicit")

    def after(model: Model) -> None:
        model.granted = frozenset(map(str, PURPOSES))

    return Step(do, after)


def hide(item: str, advance: float = 0.0) -> Step:
    def do(stage: Stage, home: Home) -> None:
        home.set_control(lambda entries: entry(entries, "hide_item", item, value=True, now=stage.clock()))

    return Step(do, lambda model: model.hidden.add(item), advance)


def declare(name: str, value: str | None) -> Step:
    def after(model: Model) -> None:
        model.attributes.pop(name, None)
        model.attributes.update({} if value is None else {name: value})

    return Step(lambda _, home: home.set_attribute(name, value), after)


def decide(*items: str) -> Step:
    records = [
        ExplanationRecord(
            schema=SCHEMA_VERSION,
            bundle="secret-bundle",
            time=1.0,
            personalized=True,
            items=(ItemEntry(item, Decimal(1), "popular", (), Decimal(1), Decimal(0)),),
        )
        for item in items
    ]

    def after(model: Model) -> None:
        model.decisions += [(model.now, item) for item in items]

    return Step(lambda _, home: home.add_decisions(lambda: records), after)


def rotate() -> Step:
    return Step(lambda _, home: Keys(home).rotate(), _nothing)


def change_key(name: str) -> Step:
    def after(model: Model) -> None:
        model.key = name

    return Step(lambda stage, home: Keys(home).change(stage.key(name)), after)


def forget_item(item: str) -> Step:
    selection = Selection(items=frozenset({item}), targets=frozenset({item}))

    def after(model: Model) -> None:
        model.events = [(at, event) for at, event in model.events if event.item != item]
        model.decisions = [each for each in model.decisions if each[1] != item]
        model.hidden -= {item}

    return Step(lambda _, home: home.forget(selection), after)


def rectify(wrong: Event, right: Event) -> Step:
    def after(model: Model) -> None:
        model.events = [(at, right if event == wrong else event) for at, event in model.events]

    return Step(lambda _, home: home.rectify(wrong, right), after)


def _gone(model: Model) -> None:
    model.granted, model.events, model.hidden, model.attributes, model.decisions = frozenset(), [], set(), {}, []


def erase_all() -> Step:
    return Step(lambda _, home: home.erase(), _gone)


def withdraw_storage() -> Step:
    return Step(lambda _, home: home.withdraw((Purpose.DEVICE_STORAGE,), "secret-surface", "explicit"), _gone)


def opened() -> Step:
    return Step(_nothing, _nothing)


FILLED = [
    grant(),
    record(*(secret_event(number, identified=number % 2 == 0) for number in range(6))),
    hide("film-of-secrets-2"),
    declare("language", "secret-language"),
    decide("film-of-secrets-2", "film-of-secrets-7"),
    record(*(secret_event(number, identified=number % 2 == 0) for number in range(6, 12)), advance=1.5 * DAY),
    decide("film-of-secrets-8"),
]
"""A profile with two epochs and something of everything."""


@dataclass(frozen=True)
class Phase:
    """What is interrupted.

    Attributes:
        name: What goes on.
        steps: What is done, the opening of the profile before the first one included.
        before: What was done to the profile before.
        first: Which key opens it to begin with.
        start: Seconds since 1970.
        later: Seconds between what was before and the opening.
        from_vector: Whether the profile is the one that version 1 wrote.
        destroys: Whether the whole profile is to be gone at the end.
    """

    name: str
    steps: list[Step]
    before: list[Step] = field(default_factory=lambda: FILLED)
    first: str = "first"
    start: float = 1_700_000_000.0
    later: float = 0.0
    from_vector: bool = False

    def model(self) -> Model:
        """Return what the profile holds before the phase."""
        model = Model(self.start)
        if self.from_vector:
            model.granted = frozenset({str(Purpose.DEVICE_STORAGE)})
            model.events = [(self.start, event) for event in VECTOR_EVENTS]
        for step in self.before:
            step.change(model)
        model.key = self.first
        model.now += self.later
        return model

    def models(self) -> list[Model]:
        """Return what the profile holds before and after every step."""
        found = [self.model()]
        for step in self.steps:
            found.append(copy.deepcopy(found[-1]))
            step.change(found[-1])
        return found

    def prepare(self, stage: Stage) -> None:
        """Make the profile as it is before the phase."""
        if self.from_vector:
            shutil.copytree(VECTOR, stage.folder)
        if self.before:
            home = stage.home()
            for step in self.before:
                step.make(stage, home)
            if self.first != "first":
                Keys(home).change(stage.key(self.first))
            home.close()

    def play(self, stage: Stage, acknowledge: Callable[[], None]) -> None:
        """Open the profile and take every step."""
        home = stage.home(self.first)
        for step in self.steps:
            step.make(stage, home)
            acknowledge()
        home.close()


VECTOR_EVENTS = [
    Event("film-1", "view", 1_700_000_000.5, 3.5, {"device": "tv", "alone": True, "count": 2, "share": 0.25}),
    Event("映画-2", "rate", None, 0.0, {}),
    Event("film-1", "buy"),
]

PHASES = {
    phase.name: phase
    for phase in (
        Phase("creating", [grant(), *numbered(range(3))], before=[]),
        Phase(
            "recording",
            [
                *numbered(range(20, 23)),
                *numbered(range(30, 33), identified=True),
                record(*(secret_event(number, identified=True) for number in range(30, 60)), new=27),
                record(secret_event(70), advance=1.1 * DAY),
                record(secret_event(31, identified=True), new=0),
                record(secret_event(71), power=True),
                decide("film-of-secrets-9"),
                hide("film-of-secrets-4"),
                declare("language", "secret-language-2"),
            ],
            before=FILLED[:5],
        ),
        Phase("rotating", [rotate(), *numbered(range(20, 22))]),
        Phase("changing the key", [change_key("other"), record(secret_event(20)), change_key("first")]),
        Phase("moving the keys into a keyring", [change_key("keyring"), record(secret_event(20))]),
        Phase("moving the keys out of a keyring", [change_key("other"), record(secret_event(20))], first="keyring"),
        Phase(
            "migrating",
            [opened(), grant(), record(secret_event(20, identified=True)), hide("film-of-secrets-4")],
            before=[],
            from_vector=True,
        ),
        Phase(
            "retaining",
            [opened(), *(record(*(secret_event(100 + 5 * n + k) for k in range(5))) for n in range(9))],
            later=2.0 * DAY,
        ),
        Phase(
            "erasing a part",
            [
                forget_item("film-of-secrets-2"),
                record(secret_event(20)),
                forget_item("film-of-secrets-8"),
                rectify(secret_event(3), secret_event(3, item="film-of-secrets-rectified")),
                declare("language", None),
            ],
        ),
        Phase("erasing everything", [erase_all(), grant(), record(secret_event(20))]),
        Phase("withdrawing storage", [withdraw_storage(), grant(), record(secret_event(20))]),
    )
}
