"""Tasks as tables for a terminal."""

from collections.abc import Mapping
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homespun.protocol.collection.task import Task
from homespun_server.publishing.repository.asking import Asked
from homespun_server.publishing.tasks import costs

DEVELOPMENT = (
    "For development: leader and helper run in one place, and whoever runs it could read every report. Devices take "
    "part only where their application allows that."
)

_COSTS = (
    "For somebody with k installations that all report: their contributions add up to k times the norm, so that ρ "
    "grows with k². Nobody knows which installations are one person's. The noise of one honest aggregator is enough."
)


def task_view(task: Task) -> RenderableType:
    """Lay out what a task asks, of whom, and what it costs."""
    table = Table(title=Text(f"Task {task.name}"), show_header=False, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in facts(task).items():
        table.add_row(name, Text(text))
    remarks = [Panel(DEVELOPMENT, title="Mind", border_style="yellow")] if task.development else []
    return Group(table, _cost_view(task), *remarks)


def facts(task: Task) -> dict[str, str]:
    """Return what a task says, in plain words, by what it is about."""
    statistic = task.statistic
    window = f"{_when(task.opens)} to {_when(task.closes)}; expires {_when(task.expires)}"
    events = "however old"
    if task.events_from is not None or task.events_until is not None:
        events = f"from {_when(task.events_from)} to {_when(task.events_until)}"
    return {
        "Id": task.id.hex(),
        "People read": task.text,
        "Asked": f"{statistic.counts}; {statistic.size:,} numbers",
        "Told to people": statistic.description,
        "Of whom": f"installations whose person allows '{task.purpose}', once each; up to {statistic.max_people:,}",
        "Reports": f"{window}; at random within {task.delay_seconds / 3600:g} hours",
        "Events": events,
        "Revealed": f"once, from {task.minimum_batch:,} reports up; below that never",
        "Noise": f"σ = {task.sigma:,} steps of 1/{statistic.grid}, by each of leader and helper",
        "Leader": f"{task.leader.name}, {task.leader.url}",
        "Helper": f"{task.helper.name}, {task.helper.url}",
        **({} if task.experiment is None else {"Measures": f"experiment {task.experiment[:12]}"}),
    }


def list_view(channel: str, asked: Asked, now: float) -> RenderableType:
    """Lay out everything that a channel asks."""
    table = Table(title=Text(f"Asked on {channel}"), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("id", "name", "what", "ε", "state"):
        table.add_column(heading, no_wrap=heading == "id")
    for name, task in asked.tasks.items():
        table.add_row(name[:12], Text(task.name), Text(task.statistic.counts), task.epsilon, _state(task, now))
    for name, experiment in asked.experiments.items():
        table.add_row(name[:12], Text(experiment.name), "experiment", "", "")
    return table


def as_data(asked: Asked) -> Mapping[str, object]:
    """Return what is asked as plain data for JSON."""
    return {"tasks": asked.tasks, "experiments": asked.experiments}


def _cost_view(task: Task) -> Table:
    table = Table(title="What it costs a person", caption=_COSTS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("installations", "ρ (zCDP)", f"ε at δ = {task.delta}"):
        table.add_column(heading, justify="right")
    for cost in costs(task):
        table.add_row(str(cost.installations), f"{cost.rho:.4g}", f"{cost.epsilon:.3g}")
    return table


def _state(task: Task, now: float) -> str:
    label = " (development)" if task.development else ""
    for end, word in ((task.opens, "opens"), (task.closes, "open until"), (task.expires, "closed, expires")):
        if now < end:
            return f"{word} {_when(end)}{label}"
    return f"expired{label}"


def _when(seconds: int | None) -> str:
    return "ever" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
