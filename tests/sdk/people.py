"""A person who uses the client through its façade, and what is kept about them, table by table."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import homespun as hs
from homespun.consent.parts import Part
from homespun.contribute.log import Transport
from homespun.profile import KeyStore, Tombstones
from homespun.profile.index import get_setting
from homespun.profile.schema import SCHEMAS, VaultKind
from homespun.testing import FakeClock
from tests.sdk.profile.support import QUICK, raw_key

STORAGE = hs.Purpose.DEVICE_STORAGE
PERSONALIZATION = hs.Purpose.PERSONALIZATION
CONTRIBUTION = hs.Purpose.CONTRIBUTION
MEASUREMENT = hs.Purpose.MEASUREMENT
EXPLANATION_LOG = hs.Purpose.EXPLANATION_LOG
BOTH = (STORAGE, PERSONALIZATION)
EVERY = tuple(hs.Purpose)

NOTICE = hs.Notice("May this application remember which of the test items you like?")
DESTINATION = "https://collect.example.org"

AFTERMATH = {"profile.erased", "profile.erased.lock"}
"""What is left of an erased profile: the mark by which a restored backup erases itself again, and its lock."""


class Wire:
    """A transport that remembers what it delivered."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []

    def send(self, destination: str, payload: bytes) -> None:
        assert destination == DESTINATION
        self.delivered.append(payload)


class Machine:
    """One machine with one profile's folder, on which the application is started again and again."""

    def __init__(self, root: Path, bundle: hs.Bundle) -> None:
        self.root = root
        self.folder = root / "profile"
        self.bundle = bundle
        self.clock = FakeClock(1_700_000_000.0)
        self.wire = Wire()

    def open(
        self,
        *,
        settings: hs.Settings = QUICK,
        key: hs.Key | None = None,
        key_store: KeyStore | None = None,
        tombstones: Tombstones | None = None,
        transport: Transport | None = None,
        choices: str | None = None,
    ) -> hs.Personalizer:
        """Start the application."""
        return hs.Personalizer.open(
            self.folder,
            key=key or raw_key(),
            bundle=self.bundle,
            settings=settings,
            clock=self.clock,
            key_store=key_store,
            tombstones=tombstones,
            transport=transport or self.wire,
            choices=choices,
        )

    def allowed(self, *purposes: hs.Purpose, **options: Any) -> hs.Personalizer:
        """Start the application, and the person allows the purposes."""
        me = self.open(**options)
        if purposes:
            me.consent.grant(*purposes, notice=NOTICE)
        return me

    def on_disk(self) -> set[str]:
        """Every file and folder that there is beside the folder of the profile's parent, by its path."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*")}


def queue(me: hs.Personalizer, payload: bytes = b"a bounded statistic", epsilon: int = 1) -> None:
    """Have the application contribute something, which it does not send yet."""
    me._home.egress.queue("counts/round-1", payload, purpose="contribution", destination=DESTINATION, epsilon=epsilon)


def kept(me: hs.Personalizer) -> Counter[str]:
    """How many rows each table has, as ``<kind of vault>.<table>``; of ``state.kept`` also by compartment."""
    counts: Counter[str] = Counter()
    store = me._home.store()
    if store is None:
        return counts
    with store._databases() as vaults:
        vaults.look()
        open_ones = [(VaultKind.PROFILE, vaults.main)]
        open_ones += [(row.kind, vaults.connection(row)) for row in (vaults.state, *vaults.epochs)]
        for kind, connection in open_ones:
            for table in SCHEMAS[kind].columns:
                ((number,),) = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own schema
                counts[f"{kind}.{table}"] += number
        for name, number in vaults.connection(vaults.state).execute(
            "SELECT compartment, count(*) FROM kept GROUP BY compartment"
        ):
            counts[f"state.kept/{name}"] += number
    return counts


def written(me: hs.Personalizer) -> int:
    """How often the index noted that something was set or declared."""
    store = me._home.store()
    if store is None:
        return 0
    with store._databases() as vaults:
        return int(get_setting(vaults.main, "state") or 0)


def kept_by(part: Part, counts: Counter[str]) -> int:
    """How many rows a part keeps, where ``kept`` counted."""
    tables = part.tables if part.compartment is None else (f"state.kept/{part.compartment}",)
    return sum(counts[table] for table in tables)


def exported(me: hs.Personalizer, path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every section of an export in the clear, by name."""
    me.export(path, overwrite=True)
    with ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith("data/")]
        return {Path(name).stem: json.loads(archive.read(name))["rows"] for name in names}


def items_of(events: Iterable[hs.Event]) -> list[str]:
    return [event.item for event in events]
