"""Peers on a split: written out for them, tuned within what trains, and read back as lists for the same cases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.models.dividing import Divided
from benchmarks.models.ranked import Ranked
from benchmarks.peers.running import Missing, PeerFacts, PeerResult, run_peer
from benchmarks.peers.split import EVENTS, PeerCase, write_split
from benchmarks.workspace import Workspace
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.dividing import HELD_OUT_FILE, TRAINING_FILE, divide, target_condition
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.protocols import EvaluationProtocol, Liked
from homespun_server.evaluation.queries import LIKED
from homespun_server.statistics.interactions import Interactions

MOST_VALIDATION = 2000
"""Cases that peers are tuned on: as many as a blend is learned from."""


@dataclass(frozen=True)
class Opponents:
    """What peers recommend, and which of them could not be run."""

    ranked: tuple[Ranked, ...]
    missing: tuple[Missing, ...]

    def of(self, name: str) -> Ranked | None:
        """Return a peer's lists; None if it could not be run."""
        return next((one for one in self.ranked if one.name == name), None)


def ask_peers(
    names: Sequence[str], split: Divided, inner: EvaluationProtocol, depth: int, workspace: Workspace
) -> Opponents:
    """Tune peers within what trains, fit them to all of it, and ask them for all cases.

    Args:
        names: Which.
        split: The split.
        inner: How what trains is divided for tuning.
        depth: Length of the lists.
        workspace: Its observer is used.

    Raises:
        BenchmarkError: If a peer failed.
        DataError: If ``inner`` finds nothing to tune on.
    """
    folder = split.folder / "peers"
    _write(split, inner, depth, folder)
    ranked, missing = [], []
    for name in names:
        found = run_peer(name, folder, workspace.observer)
        if isinstance(found, PeerResult):
            lists = [found.recommendations[number] for number in range(len(split.cases))]
            ranked.append(Ranked(name, lists, found.facts.model_bytes, told(found.facts)))
        else:
            missing.append(found)
    return Opponents(tuple(ranked), tuple(missing))


def told(facts: PeerFacts) -> str:
    """Return what a peer was fitted with, and how it was found."""
    if facts.chosen is None:
        return "nothing was tried"
    setting = ", ".join(f"{name} {value}" for name, value in facts.chosen.setting.items())
    note = f"; {facts.chosen.note}" if facts.chosen.note else ""
    return f"{setting} (best of {len(facts.tried)} of {facts.offered} settings{note})"


def _write(split: Divided, inner: EvaluationProtocol, depth: int, folder: Path) -> None:
    tuning = folder / "tuning"
    how = divide(split.training, inner, tuning).for_the_operator()
    with Interactions.read(tuning / TRAINING_FILE, how.interaction_columns(held_out=False), items=split.items) as part:
        training = events_of(part, how.liked)
    aside = how.interaction_columns(held_out=True)
    with Interactions.read(tuning / HELD_OUT_FILE, aside, items=split.items) as tested:
        asked = list(Cases(HeldOut(tested, target_condition(tested)), rolling=how.rolling))
    write_split(
        folder,
        training=training,
        refit=events_of(split.training, split.split.liked),
        validation=peer_cases(_evenly(asked), depth, how.liked, repeats=how.repeats, told=True),
        cases=peer_cases(split.cases, depth, split.split.liked, repeats=split.split.repeats, told=False),
    )


def _evenly(cases: Sequence[Case]) -> Sequence[Case]:
    """Return at most so many cases as are tuned on, evenly spread over people."""
    step = max(1, -(-len(cases) // MOST_VALIDATION))
    return cases[::step]


def events_of(interactions: Interactions, liked: Liked) -> pa.Table:
    """Return the events that speak for their items, as peers learn from them."""
    cursor = interactions.connection.cursor()
    try:
        return cursor.sql(_EVENTS, params=liked.parameters).to_arrow_table().cast(EVENTS)
    finally:
        cursor.close()


def peer_cases(cases: Sequence[Case], depth: int, liked: Liked, *, repeats: bool, told: bool) -> Iterator[PeerCase]:
    """Yield cases as peers read them, with what came next only if they may be told."""
    for number, case in enumerate(cases):
        events = [event for event in case.events if _speaks_for(event.kind, event.weight, liked)]
        times = [event.time for event in events]
        known = [time for time in times if time is not None]
        yield PeerCase(
            case=number,
            user=case.user,
            items=[event.item for event in events],
            exclude=[] if repeats else sorted(case.seen),
            k=depth,
            times=known if len(known) == len(times) else None,
            targets=sorted(case.relevant) if told else (),
        )


def _speaks_for(kind: str, weight: float | None, liked: Liked) -> bool:
    heavy = liked.min_weight is None or weight is None or weight >= liked.min_weight
    return heavy and kind not in liked.negative_kinds


_EVENTS = f"""
SELECT user, item_id AS item, time, row_number() OVER (ORDER BY user, time NULLS FIRST, row) AS pos, 1.0 AS weight
FROM interactions JOIN item_ids USING (item) WHERE {LIKED}
ORDER BY pos
"""  # noqa: S608 - own names
