"""Every part that keeps something or acts on the world, one by one: nothing goes around the gate.

Each part has an exercise, which tries to make it keep something or act. It does so where all of its purposes are
granted, and is refused or inert without any one of them, and under everything that the person set against it.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

import homespun as hs
from homespun.consent import parts as register
from homespun.consent.parts import (
    ANSWERS,
    ASKING,
    ATTRIBUTES,
    CACHE,
    CONSENT,
    CONTRIBUTIONS,
    CONTROLS,
    DECISIONS,
    EVENTS,
    EXPERIMENTS,
    EXPOSURES,
    INDEX,
    LEARNING,
    LEDGER,
    MEETINGS,
    PARTS,
    PROOF,
    ROLLOUT,
    SCORING,
    SIDE_EFFECTS,
    TASKS,
    Block,
    Part,
)
from homespun.errors import NotPermittedError
from homespun.profile.schema import EPOCH, SCHEMAS, STATE, Schema, VaultKind
from tests.sdk import people
from tests.sdk import register as rules
from tests.sdk.measure.support import everybody_fresh
from tests.sdk.people import BOTH, EVERY, NOTICE, PERSONALIZATION, STORAGE, Machine, kept, kept_by

DOORS: Final = frozenset(
    {
        "homespun.cli",
        "homespun.custody",
        "homespun.egress_log",
        "homespun.home.gated",
        "homespun.home.recording",
        "homespun.home.steered",
        "homespun.home.whole",
        "homespun.person.keys",
        "homespun.withdrawal",
    }
)
"""What uses the store itself: Home and what it is made of, which ask the gate; the keys to it, and the command."""

SOURCE: Final = Path(hs.__file__).parent


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


# The exercises: each returns whether the part did what it is for. Rows are counted beside.

Exercise = Callable[[hs.Personalizer, Machine], bool]


def _index(me: hs.Personalizer, _: Machine) -> bool:
    before = people.written(me)
    me.controls.diversity(0.25)
    return people.written(me) > before


def _consent(me: hs.Personalizer, _: Machine) -> bool:
    before = len(me.consent.records())
    me.consent.grant(hs.Purpose.EXPLANATION_LOG, notice=hs.Notice(f"Wording {before}"))
    return len(me.consent.records()) > before


def _events(me: hs.Personalizer, machine: Machine) -> bool:
    done = [
        me.record("item-5", "rate", weight=5.0, durability="power"),
        me.record("item-5", "rate", weight=5.0, id="the same"),
        me.record_many([hs.Event("item-6"), hs.Event("item-7", id="many")]) is not None,
    ]
    assert len(set(done)) == 1
    machine.clock.advance(1)
    return all(done)


def _scoring(me: hs.Personalizer, _: Machine) -> bool:
    made = me.recommend(5)
    assert len(made) == 5
    personal = {entry.personalized for entry in made} | {me.explain(made[0]).personalized}
    personal |= {me.explain("item-7").personalized, bool(me.interests())}
    assert len(personal) == 1
    return personal.pop()


def _exposures(me: hs.Personalizer, _: Machine) -> bool:
    # Only then is it counted.
    me.controls.frequency_cap(1000, days=30)
    before = me._home.exposures(0.0)
    me.recommend(3)
    return me._home.exposures(0.0) != before


def _decisions(me: hs.Personalizer, _: Machine) -> bool:
    before = len(me.decisions)
    me.recommend(3)
    return len(me.decisions) > before


def _controls(me: hs.Personalizer, _: Machine) -> bool:
    made = me.controls.hide_item("item-9")
    return me.controls.history()[-1].entry == made


def _attributes(me: hs.Personalizer, _: Machine) -> bool:
    me.attributes.set("language", "nynorsk")
    return me.attributes["language"] == "nynorsk"


def _compartment(part: Part) -> Exercise:
    def keep(me: hs.Personalizer, _: Machine) -> bool:
        done = me._home.keep(part, "state", b"what was learnt")
        # Others may have made the part keep something, as experiments do with the secret of rollouts.
        assert (me._home.kept(part).get("state") == b"what was learnt") is done
        return done

    return keep


def _experiments(me: hs.Personalizer, _: Machine) -> bool:
    me.experiments.use([everybody_fresh()])
    made = me.recommend(3)
    me.record(made[0].item)
    counts = [each.counted.get("clicks", 0) for each in me.experiments.running() if each.met is not None]
    assert len(counts) == bool(me.explain(made[0]).experiment)
    return counts != []


def _meetings(me: hs.Personalizer, _: Machine) -> bool:
    met = everybody_fresh()
    me.experiments.use([met])
    me.recommend(3)
    return met.digest in me._home.kept(MEETINGS)


def _contributions(me: hs.Personalizer, machine: Machine) -> bool:
    before = len(machine.wire.delivered)
    with contextlib.suppress(NotPermittedError):
        people.queue(me)
        people.queue(me)
    me._home.egress.send_pending(1)
    return len(machine.wire.delivered) > before


def _identified(part: Part, purpose: hs.Purpose) -> Exercise:
    def tell(me: hs.Personalizer, machine: Machine) -> bool:
        before = len(machine.wire.delivered)
        done = me._home.keep(part, "state", b"what was told")
        with contextlib.suppress(NotPermittedError):
            me._home.egress.queue(
                f"{purpose}/1", b"what was chosen", purpose=str(purpose), destination=people.DESTINATION, epsilon=0
            )
        me._home.egress.send_pending(is_meant=str(purpose).__eq__)
        assert (len(machine.wire.delivered) > before) is done
        return done

    return tell


EXERCISES: Final[dict[str, Exercise]] = {
    INDEX.name: _index,
    CONSENT.name: _consent,
    EVENTS.name: _events,
    SCORING.name: _scoring,
    EXPOSURES.name: _exposures,
    DECISIONS.name: _decisions,
    CONTROLS.name: _controls,
    ATTRIBUTES.name: _attributes,
    LEARNING.name: _compartment(LEARNING),
    CACHE.name: _compartment(CACHE),
    EXPERIMENTS.name: _experiments,
    MEETINGS.name: _meetings,
    ROLLOUT.name: _compartment(ROLLOUT),
    TASKS.name: _compartment(TASKS),
    ASKING.name: _compartment(ASKING),
    CONTRIBUTIONS.name: _contributions,
    LEDGER.name: _contributions,
    PROOF.name: _identified(PROOF, hs.Purpose.CONSENT_PROOF),
    ANSWERS.name: _identified(ANSWERS, hs.Purpose.REQUESTS),
}

IN_MEMORY: Final = {CONSENT.name, CONTROLS.name, ATTRIBUTES.name}
"""What the person says counts at once, and is in memory while nothing may be stored."""


def prepared(me: hs.Personalizer) -> None:
    """Give the parts something to work with, as far as that is allowed."""
    me.record("item-3", "rate", weight=5.0)
    me.record("item-4", "rate", weight=4.0)


by_part = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)


# The register is complete


def test_a_table_belongs_to_no_part_or_to_two() -> None:
    assert rules.wrong_tables(PARTS, SCHEMAS.values()) == []


def test_what_a_part_keeps_is_not_in_an_export(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        for part in PARTS:
            assert EXERCISES[part.name](me, machine), part.name
        sections = people.exported(me, machine.root / "export.zip")
    assert rules.wrong_exports(PARTS, sections) == []
    for part in PARTS:
        if part.section is not None:
            assert sections[part.section], f"the section of {part.name} is empty though it keeps something"


def test_a_module_acts_on_the_world_unregistered() -> None:
    assert rules.wrong_modules(SOURCE, SIDE_EFFECTS) == []


def test_a_module_uses_the_store_behind_the_gate() -> None:
    assert rules.wrong_doors(SOURCE, DOORS) == []
    # None of them is a door that nobody uses any more.
    assert all(rules.wrong_doors(SOURCE, DOORS - {door}) for door in DOORS)


def test_a_part_is_made_and_not_registered() -> None:
    made = rules.parts_made_in(SOURCE)
    assert made == {"homespun.consent.parts": len(PARTS)}
    assert {id(value) for value in vars(register).values() if isinstance(value, Part)} == {id(part) for part in PARTS}


def test_a_part_needs_no_storage_or_cannot_be_told() -> None:
    for part in PARTS:
        assert STORAGE in part.purposes, part.name
        assert part.words.strip(), part.name
        assert part.blocked_by <= set(get_args(Block)), part.name


def test_a_part_has_no_exercise() -> None:
    assert EXERCISES.keys() == {part.name for part in PARTS}


# The register would find what is missing in it


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.kind)
def test_a_new_table_would_go_unnoticed(schema: Schema) -> None:
    grown = dataclasses.replace(schema, columns={**schema.columns, "diary": ("id",)})
    schemas = {**SCHEMAS, schema.kind: grown}
    assert rules.wrong_tables(PARTS, schemas.values()) == [f"nobody keeps {schema.kind}.diary"]


@pytest.mark.parametrize(
    ("tables", "compartment", "wrong"),
    [
        (("epoch.diary",), None, "epoch.diary is no table"),
        (("epoch.event",), None, "2 parts keep epoch.event"),
        (("state.kept",), None, "diary and its compartment do not fit"),
        ((), "diary", "diary and its compartment do not fit"),
        (("state.kept",), "cache", "two parts have the compartment cache"),
    ],
)
def test_a_new_part_would_take_what_is_anothers(tables: tuple[str, ...], compartment: str | None, wrong: str) -> None:
    diary = Part(
        name="diary",
        purposes=frozenset({STORAGE}),
        tables=tables,
        compartment=compartment,
        section="diary",
        words="a diary",
    )
    assert rules.wrong_tables((*PARTS, diary), SCHEMAS.values()) == [wrong]


def test_a_new_part_would_not_be_exported() -> None:
    sections = {part.section for part in PARTS if part.section}
    silent = Part(name="diary", purposes=frozenset({STORAGE}), words="a diary")
    promised = dataclasses.replace(silent, section="diary")
    both = dataclasses.replace(silent, section="events", unexported="Nobody may see it.")
    assert rules.wrong_exports((silent,), sections) == ["diary is neither exported nor says why"]
    assert rules.wrong_exports((promised,), sections) == ["no export has the section of diary"]
    assert rules.wrong_exports((both,), sections) == ["diary is both exported and not"]


@pytest.mark.parametrize(
    "line",
    [
        "open('diary.txt', 'w')",
        "import socket",
        "import urllib.request",
        "from urllib.request import urlopen",
        "import subprocess",
        "import keyring",
        "import sqlite3",
        "import apsw",
        "from zipfile import ZipFile",
        "import os\nos.environ['HOME']",
        "import os\nos.open('diary', os.O_CREAT)",
        "from os import remove",
        "from pathlib import Path\nPath('diary').write_text('dear diary')",
        "from pathlib import Path\nPath('diary').unlink()",
        "from pathlib import Path\nPath('diary').open('w')",
        "def move(old, new):\n    old.replace(new)",
        "def store(folder):\n    (folder / 'diary').mkdir()",
        "from homespun.profile.files import write_atomically",
        "def upload(transport, payload):\n    transport.send('https://example.org', payload)",
        "def late():\n    import requests",
    ],
)
def test_a_new_module_would_go_unnoticed(tmp_path: Path, line: str) -> None:
    source = tmp_path / "homespun"
    (source / "measure").mkdir(parents=True)
    (source / "measure" / "diary.py").write_text(line, encoding="utf-8")
    (wrong,) = rules.wrong_modules(source, {})
    assert wrong.startswith("homespun.measure.diary is not registered and has ")
    assert rules.wrong_modules(source, {"homespun.measure.diary": "keeps a diary"}) == []
    assert rules.wrong_modules(source, {"homespun.measure.diary": " "}) == ["homespun.measure.diary does not say why"]


def test_a_registered_module_touches_nothing_any_more(tmp_path: Path) -> None:
    source = tmp_path / "homespun"
    source.mkdir()
    (source / "cli.py").write_text("def harmless(text):\n    return text.replace('a', 'b')\n", encoding="utf-8")
    wrong = "homespun.cli is registered and touches nothing"
    assert rules.wrong_modules(source, {"homespun.cli": "the terminal"}) == [wrong]
    assert rules.wrong_modules(source, {}) == []


@pytest.mark.parametrize(
    "line",
    [
        "from homespun.profile import open_profile",
        "from homespun.profile.opening import create",
        "def note(store, event):\n    store.add_events_if(lambda _: True, [event], 0.0)",
        "def note(home, event):\n    home.custody.store.add_events_if(lambda _: True, [event], 0.0)",
        "def note(home):\n    home.store().keep_if(lambda _: True, 'cache', 'x', b'')",
    ],
)
def test_a_new_door_to_the_store_would_go_unnoticed(tmp_path: Path, line: str) -> None:
    source = tmp_path / "homespun"
    (source / "measure").mkdir(parents=True)
    (source / "measure" / "diary.py").write_text(line, encoding="utf-8")
    (wrong,) = rules.wrong_doors(source, frozenset())
    assert wrong.startswith("homespun.measure.diary uses ")


def test_a_part_that_is_made_elsewhere_would_go_unnoticed(tmp_path: Path) -> None:
    source = tmp_path / "homespun"
    shutil.copytree(SOURCE / "consent", source / "consent")
    (source / "diary.py").write_text("DIARY = Part(name='diary', words='a diary')", encoding="utf-8")
    assert rules.parts_made_in(source)["homespun.diary"] == 1


# Every part, with its purposes and without each of them


@by_part
def test_a_part_does_nothing_though_all_is_granted(machine: Machine, part: Part) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        before = kept(me)
        assert EXERCISES[part.name](me, machine)
        assert (kept_by(part, kept(me)) > kept_by(part, before)) is bool(part.tables)


def _never(machine: Machine, missing: hs.Purpose) -> hs.Personalizer:
    me = machine.allowed(*(purpose for purpose in EVERY if purpose is not missing))
    prepared(me)
    return me


def _all(machine: Machine) -> hs.Personalizer:
    me = machine.allowed(*EVERY)
    prepared(me)
    return me


def _refused(machine: Machine, missing: hs.Purpose) -> hs.Personalizer:
    me = _all(machine)
    me.consent.refuse(missing, notice=hs.Notice("And now?"))
    return me


def _withdrawn(machine: Machine, missing: hs.Purpose) -> hs.Personalizer:
    me = _all(machine)
    me.consent.withdraw(missing)
    return me


def _lapsed(machine: Machine, missing: hs.Purpose) -> hs.Personalizer:
    me = _all(machine)
    me.consent.grant(missing, notice=NOTICE, valid_days=1)
    machine.clock.advance(86_400)
    return me


def _by_another(machine: Machine, missing: hs.Purpose) -> hs.Personalizer:
    """Withdrawn by another handle on the same profile, as another process has one."""
    me = _all(machine)
    with machine.open() as other, contextlib.suppress(hs.HomespunError):
        other.consent.withdraw(missing)
    return me


WAYS: Final = {
    "never granted": _never,
    "refused": _refused,
    "withdrawn": _withdrawn,
    "lapsed": _lapsed,
    "withdrawn elsewhere": _by_another,
}

cases = [
    (part, purpose, way)
    for part in PARTS
    for purpose in sorted(part.purposes)
    for way in WAYS
    # A profile whose term has ended notes that, and what the person says about it.
    if not (way == "lapsed" and purpose is STORAGE and part in (INDEX, CONSENT))
]


@pytest.mark.parametrize(("part", "purpose", "way"), cases, ids=[f"{one.name}-{two}-{way}" for one, two, way in cases])
def test_a_part_acts_or_keeps_something_without_a_purpose(
    machine: Machine, part: Part, purpose: hs.Purpose, way: str
) -> None:
    with WAYS[way](machine, purpose) as me:
        before, sent = kept(me), len(machine.wire.delivered)
        done = EXERCISES[part.name](me, machine)
        assert done is (part.name in IN_MEMORY)
        assert kept_by(part, kept(me)) == kept_by(part, before)
        assert len(machine.wire.delivered) == sent
        if purpose is STORAGE and way != "lapsed":
            assert machine.on_disk() <= people.AFTERMATH
        # And the product works.
        assert len(me.recommend(5)) == 5


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("purpose", EVERY)
def test_a_refusal_breaks_the_product(machine: Machine, purpose: hs.Purpose, way: str) -> None:
    with WAYS[way](machine, purpose) as me:
        for part in PARTS:
            EXERCISES[part.name](me, machine)
        recommended = me.recommend(5)
        assert me.explain(recommended[0]).score == recommended[0].score
        assert me.controls.current().hidden_items == {"item-9"}
        assert "item-9" not in {entry.item for entry in me.recommend(40)}
        people.exported(me, machine.root / "export.zip")


# Every part, under everything that the person can set against it


@contextlib.contextmanager
def blocked(me: hs.Personalizer, block: Block) -> Iterator[None]:
    if block == "private":
        with me.controls.private_session():
            yield
        return
    switches: dict[Block, Callable[..., object]] = {
        "pause": me.controls.pause,
        "restriction": me.controls.restrict,
        "objection": me.controls.object,
        "non_profiled": me.controls.non_profiled,
    }
    switches[block](on=True)
    yield
    switches[block](on=False)


@pytest.mark.parametrize("block", get_args(Block))
@by_part
def test_a_part_does_not_do_as_the_person_set(machine: Machine, part: Part, block: Block) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        with blocked(me, block):
            before, sent = kept(me), len(machine.wire.delivered)
            done = EXERCISES[part.name](me, machine)
            if block in part.blocked_by:
                assert done is False
                assert kept_by(part, kept(me)) == kept_by(part, before)
                assert len(machine.wire.delivered) == sent
            else:
                assert done is True
            assert len(me.recommend(5)) == 5
        # It is all reversible.
        assert EXERCISES[part.name](me, machine) is True


# What ends a purpose, or everything


@pytest.mark.parametrize("way", ["refused", "withdrawn", "withdrawn elsewhere"])
@pytest.mark.parametrize("purpose", [purpose for purpose in EVERY if purpose is not STORAGE])
def test_a_withdrawal_leaves_what_was_to_be_cleared(machine: Machine, purpose: hs.Purpose, way: str) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        for part in PARTS:
            EXERCISES[part.name](me, machine)
        full = kept(me)
        assert all(kept_by(part, full) for part in PARTS if part.tables)
        if way == "refused":
            me.consent.refuse(purpose, notice=hs.Notice("And now?"))
        elif way == "withdrawn":
            me.consent.withdraw(purpose)
        else:
            with machine.open() as other:
                other.consent.withdraw(purpose)
        left = kept(me)
        for part in PARTS:
            if part.cleared and purpose in part.purposes:
                assert kept_by(part, left) == 0, part.name
            elif part.tables and part not in (INDEX, CONSENT, LEDGER):
                assert kept_by(part, left) == kept_by(part, full), part.name


@pytest.mark.parametrize("how", ["erase", "withdraw", "refuse"])
def test_something_of_a_part_is_on_the_disk_after_everything_was_erased(machine: Machine, how: str) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        for part in PARTS:
            assert EXERCISES[part.name](me, machine), part.name
        if how == "erase":
            me.erase()
        elif how == "withdraw":
            me.consent.withdraw(STORAGE)
        else:
            me.consent.refuse(STORAGE, notice=NOTICE)
        assert kept(me) == {}
        assert machine.on_disk() == people.AFTERMATH
    assert machine.on_disk() == people.AFTERMATH


@by_part
def test_a_part_is_not_there_after_a_restart(machine: Machine, part: Part) -> None:
    with machine.allowed(*EVERY) as me:
        prepared(me)
        assert EXERCISES[part.name](me, machine)
        there = kept(me)
    with machine.open() as again:
        assert kept_by(part, kept(again)) >= kept_by(part, there)


def test_the_schemas_are_not_those_of_the_register() -> None:
    assert {schema.kind for schema in SCHEMAS.values()} == set(VaultKind)
    assert "kept" in STATE.columns
    assert "event" in EPOCH.columns


def test_a_list_needs_more_than_both_purposes(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        prepared(me)
        assert all(entry.personalized for entry in me.recommend(3))
        assert PERSONALIZATION in SCORING.purposes
