"""Whether an aggregator takes part in a task: its operator says so, and its own rules allow it.

A task says what it is, and whoever publishes it signs it; that each aggregator's operator looks at it once more, and
has a floor of their own for the batch, is what keeps a publisher from asking two services to single somebody out.
"""

from pathlib import Path

from homespun.errors import CollectionError
from homespun.protocol.collection.task import MAX_TASK_BYTES, Task, parse_task
from homespun_server.collection.keys import PairingFile
from homespun_server.collection.messages import Role
from homespun_server.collection.settings import AggregatorSettings
from homespun_server.errors import AggregationError


def read_task(path: Path) -> Task:
    """Read a task's file.

    Raises:
        AggregationError: It cannot be read, or is no task.
    """
    try:
        with path.open("rb") as file:
            return parse_task(file.read(MAX_TASK_BYTES + 1))
    except OSError as error:
        raise AggregationError(f"the task cannot be read from {path}: {error}.") from error
    except CollectionError as error:
        raise AggregationError(f"{path}: {error}") from error


def check_task(task: Task, settings: AggregatorSettings, key: str, pairing: PairingFile, now: int) -> None:
    """Check a task against an aggregator's own rules.

    Args:
        task: The task.
        settings: The aggregator's.
        key: Its public key, in hexadecimal.
        pairing: Whom it is paired with.
        now: Seconds since 1970.

    Raises:
        AggregationError: If the aggregator is not to take part in it.
    """
    mine = task.leader if settings.role == "leader" else task.helper
    floor = settings.aggregation.minimum_batch
    if now >= task.expires:
        raise AggregationError(f"{task.name} has expired; nothing is collected for it any more.")
    if mine.key != key or mine.url != settings.url:
        raise AggregationError(
            f"{task.name} names {mine.url} with the key {mine.key[:12]} as its {settings.role}, and this one is "
            f"{settings.url} with {key[:12]}. Whoever makes the task takes both from homespun-server {settings.role} "
            "show."
        )
    _check_other(task, settings, pairing)
    if task.development != settings.development:
        raise AggregationError(
            f"{task.name} says development = {task.development}, and this {settings.role} says "
            f"{settings.development}. Only aggregators of two parties serve a task that promises two."
        )
    if task.minimum_batch < floor:
        raise AggregationError(
            f"{task.name} would reveal batches of {task.minimum_batch}; this {settings.role} takes part from {floor} "
            "on (minimum_batch in its settings)."
        )


def _check_other(task: Task, settings: AggregatorSettings, pairing: PairingFile) -> None:
    """Refuse a task with another peer than the paired one, to whom nothing of this pair is to be shown."""
    other: Role = "helper" if settings.role == "leader" else "leader"
    named = task.helper if other == "helper" else task.leader
    paired = pairing.helper if other == "helper" else pairing.leader
    if paired is None:
        raise AggregationError(
            "this leader is paired with no helper yet. Tell it which one first: homespun-server leader pair "
            "HELPER.json."
        )
    if (named.url, named.key) != (paired.url, paired.key):
        raise AggregationError(
            f"{task.name} names {named.url} with the key {named.key[:12]} as its {other}, and this {settings.role} is "
            f"paired with {paired.url} with {paired.key[:12]}. Whoever makes the task takes both from one pair."
        )
