"""A task: what devices are asked to add up, for whom, until when, and under which promise.

A task is a target of its channel's delegation in the signed repository, ``<channel>/<sha256>/task.json``, and is
named by the SHA-256 of its canonical JSON (``collection.index``).

Rules, checked wherever a task is made or read:

- The noise of *one* aggregator keeps the promised (ε, δ): its ρ = Δ²/2σ² implies it (``protocol.zcdp``), with the δ
  of the check of a report's norm set aside. So the promise stands while one of the two aggregators is honest.
- A δ above ``MAX_DELTA`` is refused: with a large δ the smallest ε is kept by hardly any noise. For the same reason a
  device charges what the noise costs at a δ of its own, where that is more (``Task.price``).
- The largest sum and the tails of both noises stay below half of the modulus, so that no sum wraps.
- One task is one batch: it is collected once, and below ``minimum_batch`` not at all.
- Leader, helper and collector have keys of their own. Leader and helper have names and hosts of their own, too, unless
  it is a task for development.

Pure. Whether a device takes part is decided elsewhere (``homespun.contribute``).
"""

import hashlib
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import Digest
from homespun.protocol.collection.constants import LARGEST_SUM, MAX_DELTA, MODULUS, NORM_PROOF_DELTA
from homespun.protocol.collection.index import (
    MAX_INDEX_BYTES,
    MAX_TASK_BYTES,
    MAX_UNIVERSE_BYTES,
    SCHEMA_VERSION,
    CollectionIndex,
    Ref,
    encode_index,
    encode_universe,
    experiment_path,
    index_path,
    parse_index,
    parse_universe,
    parsed,
    task_path,
    universe_path,
)
from homespun.protocol.collection.keys import is_of_small_order
from homespun.protocol.destination import host_of, is_this_machine, origin
from homespun.protocol.epsilon import STEPS, epsilon_steps
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.zcdp import delta_of, gaussian_rho, stated_epsilon

__all__ = [
    "CHARGED_DELTA",
    "LEAST_BATCH",
    "MAX_DELTA",
    "MAX_INDEX_BYTES",
    "MAX_NUMBERS",
    "MAX_TASK_BYTES",
    "MAX_UNIVERSE_BYTES",
    "SCHEMA_VERSION",
    "WIDTH",
    "Aggregator",
    "CollectionIndex",
    "Ref",
    "Task",
    "encode_index",
    "encode_task",
    "encode_universe",
    "experiment_path",
    "index_path",
    "parse_index",
    "parse_task",
    "parse_universe",
    "task_path",
    "universe_path",
]

LEAST_BATCH = 2
"""Smallest ``minimum_batch`` there is; devices want more (``homespun.contribute``)."""

CHARGED_DELTA = 1e-6
"""δ at which devices add up what tasks cost, whatever δ a task names."""

MAX_NUMBERS = 1 << 20
"""Most numbers of a task's statistic: reports of 4 MB."""

WIDTH = 32
"""Bits of the integers that shares are carried in."""

_ROUNDING = 1 + 1e-12
"""The exact ρ may be a touch above its float."""

_SECONDS = Annotated[int, Meta(ge=0, le=253_402_300_800)]
_KEY = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="X25519 public key, lower-case hexadecimal.")]
_DECIMAL = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,3})(\.[0-9]{0,11}[1-9])?\Z",
        description="A plain decimal number with at most twelve places, for instance 0.5.",
    ),
]
_NAME = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}\Z")]


class Aggregator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the two services that add up shares.

    Attributes:
        name: Who runs it, for people.
        url: Its origin, in its one spelling: ``https://host`` or ``https://host:port``.
        key: Public key that shares for it are sealed to.

    Raises:
        MisuseError: On construction, if the address is no origin, or not in its one spelling.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    url: Annotated[str, Meta(max_length=300)]
    key: _KEY

    def __post_init__(self) -> None:
        """Check that the address is an origin."""
        if origin(self.url) != self.url:
            raise MisuseError(f"{self.name}: write the address as {origin(self.url)!r}.")


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One sum that devices are asked for.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        name: In ledgers, reports and lists.
        statistic: What is summed, with integers of 32 bits.
        text: What it is for and what leaves, as the device shows it to the person.
        purpose: The purpose that a person has to have consented to.
        opens: Reports are made and accepted from here, seconds since 1970.
        closes: And no more from here.
        expires: From here it is refused everywhere, and sealed reports are destroyed.
        events_from: Only events from here count; None: however old.
        events_until: Only events before this count; None: however new.
        modulus: That of the shares.
        minimum_batch: With fewer reports nothing is revealed, ever.
        epsilon: ε of what one installation adds, as decimal text.
        delta: Its δ.
        sigma: Parameter of the noise that *each* aggregator adds, in grid steps.
        leader: Takes reports.
        helper: Holds the other share.
        collector: Public key of who gets the sum.
        time_precision: A report's time is rounded down to so many seconds.
        delay_seconds: Longest random delay of a report, in seconds.
        development: Leader and helper run in one place; who runs it could read reports.
        experiment: Digest of the experiment that it measures; None: none.

    Raises:
        MisuseError: On construction, if it contradicts itself, or promises what its noise does not keep.
    """

    name: _NAME
    statistic: Statistic
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    purpose: Literal["contribution", "measurement"]
    opens: _SECONDS
    closes: _SECONDS
    expires: _SECONDS
    minimum_batch: Annotated[int, Meta(ge=LEAST_BATCH, le=1 << 40)]
    epsilon: _DECIMAL
    delta: _DECIMAL
    sigma: Annotated[int, Meta(ge=1, le=1 << 40)]
    leader: Aggregator
    helper: Aggregator
    collector: _KEY
    delay_seconds: Annotated[int, Meta(ge=0, le=31 * 86_400)]
    time_precision: Annotated[int, Meta(ge=60, le=31 * 86_400)] = 3600
    events_from: _SECONDS | None = None
    events_until: _SECONDS | None = None
    modulus: Literal[4_294_967_291] = MODULUS
    development: bool = False
    experiment: Digest | None = None
    schema: Literal[1] = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Check that the task keeps what it promises."""
        _check_windows(self)
        _check_parties(self)
        _check_room(self)
        _check_promise(self)
        if self.experiment is not None and self.purpose != "measurement":
            raise MisuseError(f"{self.name}: an experiment is measured for the purpose 'measurement'.")

    @cached_property
    def id(self) -> bytes:
        """The 32 bytes that name the task: SHA-256 of its canonical JSON."""
        return hashlib.sha256(_written(self)).digest()

    @property
    def rho(self) -> Fraction:
        """What one installation's report costs, in ρ of zCDP, by one aggregator's noise alone."""
        return gaussian_rho(self.statistic.l2_bound, self.sigma)

    @cached_property
    def price(self) -> int:
        """What a device charges for a report, as ε in steps of 10⁻¹².

        The ε that the task names, or what its ρ costs at a δ of ``CHARGED_DELTA`` where that is more, rounded up.
        """
        found = Decimal(stated_epsilon(self.rho, CHARGED_DELTA - NORM_PROOF_DELTA))
        steps = int((found * STEPS).to_integral_value(ROUND_CEILING))
        return max(epsilon_steps(Decimal(self.epsilon)), steps)

    def rounded(self, seconds: int) -> int:
        """Return a time as a report may tell it: rounded down to ``time_precision``, not before it opens."""
        return max(self.opens, seconds - seconds % self.time_precision)


def encode_task(task: Task) -> bytes:
    """Return the task, as canonical JSON (RFC 8785).

    Raises:
        CollectionError: It is not one that devices accept.
    """
    raw = _written(task)
    parse_task(raw)
    return raw


def parse_task(raw: bytes) -> Task:
    """Return a task that was verified as a target; its id is the SHA-256 of ``raw``.

    Raises:
        CollectionError: It is malformed, not in canonical JSON, another version's, or promises what it does not keep.
    """
    task = parsed(raw, Task, MAX_TASK_BYTES, "a task")
    if _written(task) != raw:
        raise CollectionError(
            "a task is not in canonical JSON; it was not written by homespun as it is. It is refused."
        )
    return task


def _written(task: Task) -> bytes:
    return canonical(msgspec.to_builtins(task))


def _check_windows(task: Task) -> None:
    if not task.opens < task.closes <= task.expires:
        raise MisuseError(f"{task.name}: it has to open before it closes, and to expire no earlier than it closes.")
    if task.delay_seconds >= task.closes - task.opens:
        raise MisuseError(f"{task.name}: the longest delay does not fit between its opening and its closing.")
    since, until = task.events_from, task.events_until
    if since is not None and until is not None and since >= until:
        raise MisuseError(f"{task.name}: the events that count end before they begin.")


def _check_parties(task: Task) -> None:
    if len({task.leader.key, task.helper.key, task.collector}) < len(("leader", "helper", "collector")):
        raise MisuseError(f"{task.name}: leader, helper and collector need keys of their own.")
    for party, key in (("leader", task.leader.key), ("helper", task.helper.key), ("collector", task.collector)):
        if is_of_small_order(key):
            raise MisuseError(
                f"{task.name}: the key of the {party} is none: everybody could open what is sealed to it."
            )
    if task.development:
        return
    one, other = host_of(task.leader.url), host_of(task.helper.url)
    # Two ports of a device's own machine are told apart for tests; no device takes part in that (``contribute``).
    if task.leader.url == task.helper.url or (one == other and not is_this_machine(task.leader.url)):
        raise MisuseError(
            f"{task.name}: leader and helper have the same address; only a task for development may say so."
        )
    if task.leader.name == task.helper.name:
        raise MisuseError(
            f"{task.name}: leader and helper have the same name, so that nobody can tell that they are two parties; "
            "only a task for development may say so."
        )


def _check_room(task: Task) -> None:
    statistic = task.statistic
    if statistic.width != WIDTH:
        raise MisuseError(f"{task.name}: shares have {WIDTH} bits; declare the statistic with that width.")
    if statistic.size > MAX_NUMBERS:
        raise MisuseError(f"{task.name}: {statistic.size:,} numbers; a report holds at most {MAX_NUMBERS:,}.")
    if task.minimum_batch > statistic.max_people:
        raise MisuseError(f"{task.name}: the minimum batch is above the most people that are added up.")
    largest = statistic.max_people * statistic.l2_bound + 2 * statistic.noise_tail(task.sigma)
    if largest > LARGEST_SUM:
        raise MisuseError(
            f"{task.name}: {statistic.max_people:,} people and both noises make up to {largest:,}, which wraps modulo "
            f"{MODULUS:,}. Declare fewer people, and ask a larger fleet in several tasks."
        )


def _check_promise(task: Task) -> None:
    epsilon, delta = float(Decimal(task.epsilon)), float(Decimal(task.delta))
    if not epsilon > 0 or not NORM_PROOF_DELTA < delta < 1:
        raise MisuseError(f"{task.name}: ε = {task.epsilon} and δ = {task.delta} promise nothing.")
    if delta > MAX_DELTA:
        raise MisuseError(
            f"{task.name}: with δ = {task.delta} the promise may fail too often to be one; use at most {MAX_DELTA}."
        )
    if delta_of(float(task.rho) * _ROUNDING, epsilon) > delta - NORM_PROOF_DELTA:
        raise MisuseError(
            f"{task.name}: noise of σ = {task.sigma} does not keep ε = {task.epsilon} at δ = {task.delta}."
        )
