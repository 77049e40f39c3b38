"""Where a bundle comes from: kept in the registry and beside the bundle, never in it, for it holds exact figures."""

import msgspec

from homespun_server.evaluation.intervals import Interval
from homespun_server.running.gates.result import GateResult
from homespun_server.running.overrides import Override
from homespun_server.running.steps.release import Spent

FILE = "lineage.json"
SCHEMA_VERSION = 1


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A step: its key, and when it was done and how long it took."""

    step: str
    key: str
    started: str
    seconds: float


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What the people in the table have lost, after the run.

    Attributes:
        data_set: The ledger's name for them.
        epsilon: ε of the bundle's releases, at ``delta``; figures of quality that were released are counted in.
        delta: δ.
        statement: By period and for ever, in a sentence.
        events: Events of the ledger.
        head: Hash of the last one.
    """

    data_set: str
    epsilon: str
    delta: str
    statement: str
    events: int
    head: str


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bundle comes from.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        pipeline: The pipeline's name.
        channel: What the bundle is for.
        bundle: Its identity.
        parent: The identity of the bundle that the channel had; None: none.
        inputs: SHA-256 of every input file, by name.
        code: Versions of this package and of the libraries that results may depend on.
        steps: What was done, in order.
        releases: What was released for training.
        measured: What was released to tell how good it is.
        budget: What people have lost; None without privacy.
        metrics: Exact figures of the bundle on users kept aside, by name.
        gates: Results, with exact figures.
        overrides: Gates that somebody let pass, and why.
        missing: What was not measured, and why.
        seeds: What is drawn without secrets, and from which seed or name.
    """

    schema: int
    pipeline: str
    channel: str
    bundle: str
    parent: str | None
    inputs: dict[str, str]
    code: dict[str, str]
    steps: tuple[StepRecord, ...]
    releases: tuple[Spent, ...]
    measured: tuple[Spent, ...]
    budget: Budget | None
    metrics: dict[str, Interval]
    gates: tuple[GateResult, ...]
    overrides: tuple[Override, ...]
    missing: tuple[str, ...]
    seeds: dict[str, str]


def read_lineage(raw: bytes) -> Lineage:
    """Return what ``lineage.json`` holds.

    Raises:
        msgspec.MsgspecError: If it is malformed.
    """
    return msgspec.json.decode(raw, type=Lineage)
