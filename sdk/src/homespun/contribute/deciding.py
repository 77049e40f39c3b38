"""Which tasks an installation takes part in, and why not in others: a function of the task, the time and what is set.

A task is only ever asked about here after its signature was verified. Nothing of the person's profile is asked: a
device that allows the purpose and whose ceilings have room takes part, whatever its person did.

Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from homespun.contribute.settings import Contributions
from homespun.contribute.vectors import is_of_events
from homespun.protocol.collection.task import Task
from homespun.protocol.destination import is_this_machine
from homespun.protocol.epsilon import epsilon_steps, epsilon_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of an installation when it decides.

    Attributes:
        now: Seconds since 1970.
        left: ε of the lifetime's that nothing has taken, in steps of 10⁻¹².
        allowed: Whether the person allows a purpose now, by its name.
        is_done: Whether this installation was already part of a task, by its id in hexadecimal.
        measures: Whether the application measures experiments.
    """

    now: float
    left: int
    allowed: Callable[[str], bool]
    is_done: Callable[[str], bool]
    measures: bool = False


def obstacle(task: Task, settings: Contributions, standing: Standing) -> str:
    """Return why an installation takes no part in a task now, in plain words; empty if it does."""
    return (
        _of_time(task, standing.now)
        or _of_kind(task, settings, standing)
        or _of_price(task, settings, standing)
        or _of_person(task, standing)
    )


def _of_time(task: Task, now: float) -> str:
    if now >= task.expires:
        return "it has expired"
    if now >= task.closes:
        return "it is closed"
    if now < task.opens:
        return "it is not open yet"
    return ""


def _of_kind(task: Task, settings: Contributions, standing: Standing) -> str:
    if task.development and not settings.allow_development:
        return "its leader and helper run in one place, which is for development only"
    if any(map(is_this_machine, (task.leader.url, task.helper.url))) and not settings.allow_development:
        return "its leader or helper is this very machine, which is for development only"
    if task.minimum_batch < settings.least_batch:
        return (
            f"it reveals sums of {task.minimum_batch} installations, and this one is part of {settings.least_batch} up"
        )
    if task.experiment is not None and not standing.measures:
        return "this application measures no experiments"
    if task.experiment is None and not is_of_events(task.statistic):
        return "what it asks for cannot be computed from events"
    return ""


def _of_price(task: Task, settings: Contributions, standing: Standing) -> str:
    if Decimal(task.delta) > settings.task_delta:
        return f"it names δ {task.delta}, and one task may name {settings.task_delta:f} here"
    price, most = task.price, epsilon_steps(settings.task_epsilon)
    if price > most:
        return f"it costs ε {epsilon_text(price)}, and one task may cost {epsilon_text(most)} here"
    if price > standing.left and not standing.is_done(task.id.hex()):
        left = epsilon_text(standing.left)
        return f"it costs ε {epsilon_text(price)}, and ε {left} is left of this device's lifetime"
    return ""


def _of_person(task: Task, standing: Standing) -> str:
    if standing.is_done(task.id.hex()):
        return "this installation was part of it"
    if not standing.allowed(task.purpose):
        return f"the person does not allow '{task.purpose}' now"
    return ""
