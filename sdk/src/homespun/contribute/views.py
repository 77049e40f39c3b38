"""What an application is told of tasks, and of what became of looking for them, as values and in words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from homespun.contribute.outcome import SendOutcome
from homespun.protocol.epsilon import epsilon_text

if TYPE_CHECKING:
    from homespun.protocol.collection.task import Task

TaskState = Literal["taken", "refused", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as it stands for this installation.

    Attributes:
        id: Its id, hexadecimal.
        name: Its name.
        text: What it is for and what leaves, for the person to read.
        description: What one person adds, in plain words.
        purpose: The purpose that it needs, beside that of contributing.
        epsilon: ε that it names, as decimal text.
        delta: δ that it names, as decimal text.
        charged: What it costs of the lifetime's ε, counted at a δ of 10⁻⁶, as decimal text.
        closes: Until when reports are made, seconds since 1970.
        leader: Who takes reports.
        helper: Who holds the other share.
        development: Whether both run in one place, where whoever runs it could read reports.
        state: ``taken``: a report is or will be made. ``refused``: none is. ``done``: one was made.
        why: Why it is refused, in plain words; empty otherwise.
        due: When its report is due, seconds since 1970; None: it is not to be made.
    """

    id: str
    name: str
    text: str
    description: str
    purpose: str
    epsilon: str
    delta: str
    charged: str
    closes: int
    leader: str
    helper: str
    development: bool
    state: TaskState
    why: str = ""
    due: float | None = None

    def __str__(self) -> str:
        """Return the task in a sentence or two."""
        label = " (for development: one place could read reports)" if self.development else ""
        cost = "" if self.charged == self.epsilon else f" (counts as ε {self.charged})"
        said = {"taken": "This device takes part.", "refused": f"Not taken part in: {self.why}.", "done": "Done."}
        return f"{self.name}{label}, ε {self.epsilon} at δ {self.delta}{cost}: {self.text} {said[self.state]}"


def view_of(task: "Task", state: TaskState, *, why: str = "", due: float | None = None) -> TaskView:
    """Return how a task stands."""
    return TaskView(
        id=task.id.hex(),
        name=task.name,
        text=task.text,
        description=task.statistic.description,
        purpose=task.purpose,
        epsilon=task.epsilon,
        delta=task.delta,
        charged=epsilon_text(task.price),
        closes=task.closes,
        leader=task.leader.name,
        helper=task.helper.name,
        development=task.development,
        state=state,
        why=why,
        due=due,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionOutcome:
    """What one look for tasks did. Nothing raises into the application.

    Attributes:
        tasks: Every task of the channel as it stands now; empty where it was not asked.
        queued: Names of the tasks whose reports were made now.
        sent: What sending did; None if nothing was tried.
        refused: Why a task of the channel is none, one text each.
        problem: Why it ended early or was not begun; None if it did not.
    """

    tasks: tuple[TaskView, ...] = ()
    queued: tuple[str, ...] = ()
    sent: SendOutcome | None = None
    refused: tuple[str, ...] = ()
    problem: str | None = None

    def __str__(self) -> str:
        """Return the outcome in words."""
        made = f"Reports made: {', '.join(self.queued) or 'none'}."
        parts = [made, *([] if self.sent is None else [str(self.sent)]), *([self.problem] if self.problem else [])]
        return " ".join(parts)
