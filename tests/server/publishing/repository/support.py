"""Bundles of a few bytes, keys that cost little, and a clock that is set by hand."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from homespun.protocol import bundle
from homespun.protocol.bundle import (
    Component,
    FileEntry,
    HistoryRule,
    Kernel,
    Manifest,
    NewItems,
    PrivacyStatement,
)
from homespun.protocol.golden import SCHEMA_VERSION as GOLDEN_VERSION
from homespun.protocol.golden import Golden, GoldenCase, encode_golden
from homespun_server.publishing.repository import KeyCosts, KeyStore, SignedRepository

CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
PASSPHRASE = b"correct horse"
CANARY = "films/canary"
PRODUCTION = "films/production"
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)

Weights = tuple(Decimal(1) for _ in bundle.ACTIVITY_LEVELS)


class Hands:
    """A clock that shows what it is set to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def key_store(folder: Path, clock: Callable[[], datetime] | None = None, passphrase: bytes = PASSPHRASE) -> KeyStore:
    return KeyStore(folder, lambda _: passphrase, costs=CHEAP, clock=clock or Hands())


def create(folder: Path, clock: Callable[[], datetime], **arguments: Any) -> SignedRepository:
    given = {"channels": (CANARY, PRODUCTION), **arguments}
    return SignedRepository.create(folder / "repository", key_store(folder / "keys", clock), clock=clock, **given)


def opened(folder: Path, clock: Callable[[], datetime], **arguments: Any) -> SignedRepository:
    return SignedRepository.open(folder / "repository", key_store(folder / "keys", clock), clock=clock, **arguments)


def bundle_of(
    folder: Path,
    seed: int = 0,
    *,
    private: bool = True,
    golden: bool = True,
    weights: bytes | None = None,
    policy: bytes | None = None,
) -> Path:
    """Write a bundle; the same seed gives the same bytes, and only weights and card differ between seeds."""
    folder.mkdir(parents=True)
    contents = {name: f"{name} of all\n".encode() for name in bundle.FILES}
    contents[bundle.WEIGHTS] = weights or hashlib.shake_256(f"weights {seed}".encode()).digest(5_000)
    contents[bundle.CARD_TEXT] = f"# Card {seed}\n".encode()
    contents[bundle.CARD_DATA] = b"{}\n"
    if golden:
        case = GoldenCase(events=(), context={}, items=("a",), scores=("1.5",))
        contents[bundle.GOLDEN] = encode_golden(Golden(schema=GOLDEN_VERSION, cases=(case,)))
    if policy is not None:
        contents[bundle.POLICY] = policy
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    entries = {name: FileEntry(len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in contents.items()}
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.encode(_manifest(entries, seed, private=private)))
    return folder


def _manifest(entries: dict[str, FileEntry], seed: int, *, private: bool) -> Manifest:
    privacy = PrivacyStatement(
        kind="no_personal_data" if private else "non_private",
        unit=None,
        neighbours=None,
        epsilon=None,
        delta=None,
        rho=None,
        releases=(),
        statement="",
    )
    return Manifest(
        schema=bundle.SCHEMA_VERSION,
        contract=bundle.CONTRACT_VERSION,
        name=f"bundle {seed}",
        created=NOON.isoformat(),
        items=1,
        components=(Component("content", "table", 1, None, None, 0, Kernel(None, None, ordered=False), Weights),),
        priors=(),
        contexts=(),
        archetypes=None,
        repeats=None,
        new_items=NewItems(1, 0),
        history=HistoryRule(None, 10),
        privacy=privacy,
        files=entries,
    )


def snapshot_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
