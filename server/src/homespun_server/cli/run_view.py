"""A pipeline's plan for a terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homespun_server.running.planning import Plan, PlannedCost

_KEY = 12
_NAME = 10


def plan_view(plan: Plan) -> RenderableType:
    """Lay out a plan: the steps, what they cost, and what follows."""
    table = Table(title="Plan", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("step", "what", "state", "reads people's data", "key"):
        table.add_column(heading, no_wrap=heading in ("step", "state", "key"))
    for step in plan.steps:
        reads = "yes" if step.reads_people and step.state != "kept" else "no"
        table.add_row(step.step, step.what, step.state, reads, step.key[:_KEY])
    parts: list[RenderableType] = [table, Panel(plan.after, title="Then")]
    parts.append(Panel("\n".join(_cost(plan.cost)), title="Privacy"))
    return Group(*parts, Text(plan.note))


def step_line(step: str, what: str) -> str:
    """Return what became of a step, as a line."""
    return f"{step:<{_NAME}}  {what}"


def _cost(cost: PlannedCost | None) -> Iterator[str]:
    if cost is None:
        yield "NON-PRIVATE: made from exact sums. No ε bounds what the bundle tells of people."
        return
    yield f"This run: ε = {cost.epsilon:g} per user, at δ = {cost.delta:g}."
    yield "Left: nothing limits it." if cost.left is None else f"Left before it: ε = {cost.left:g}."
    yield f"A user's lifetime total would be ε = {cost.lifetime:g}."
    yield cost.statement
    if cost.refusal is not None:
        yield f"The ledger would refuse: {cost.refusal}"
