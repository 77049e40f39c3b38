"""A split of a data set: one folder from which bundles, references and peers all read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models.datasets import DataSet
from benchmarks.workspace import Workspace
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.dividing import HELD_OUT_FILE, TRAINING_FILE, Split, divide, target_condition
from homespun_server.evaluation.held_out import Cases, HeldOut, Person
from homespun_server.evaluation.protocols import EvaluationProtocol
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items


@dataclass(frozen=True, eq=False)
class Divided:
    """A data set as a protocol divides it.

    Attributes:
        data: The data set.
        folder: Where its tables are; peers and bundles are put beneath it.
        split: How it was divided.
        items: The catalogue.
        training: What trains.
        cases: What is asked; the same objects in the same order for every model.
        people: Everybody who is tested, with all of their events that are shown.
    """

    data: DataSet
    folder: Path
    split: Split
    items: Items
    training: Interactions
    cases: tuple[Case, ...]
    people: tuple[Person, ...]


@contextmanager
def divided(
    data: DataSet, protocol: EvaluationProtocol, part: str, workspace: Workspace, *, people: bool = False
) -> Iterator[Divided]:
    """Divide a data set, and read the parts while the context lasts.

    Args:
        data: The data set.
        protocol: How to divide it.
        part: Name of the folder for everything that is made.
        workspace: Where that folder is.
        people: Whether people are wanted beside the cases.
    """
    folder = workspace.cache / "models" / part
    items = data.items()
    workspace.observer(f"divide {data.title}", 0, 1)
    with Interactions.read(data.interactions, data.columns, items=items) as everything:
        split = divide(everything, protocol, folder).for_the_operator()
    with Interactions.read(folder / HELD_OUT_FILE, split.interaction_columns(held_out=True), items=items) as tested:
        held_out = HeldOut(tested, target_condition(tested))
        cases = tuple(Cases(held_out, rolling=split.rolling))
        known = tuple(held_out.people()) if people else ()
    workspace.observer(f"divide {data.title}", 1, 1)
    columns = split.interaction_columns(held_out=False)
    with Interactions.read(folder / TRAINING_FILE, columns, items=items) as training:
        yield Divided(data, folder, split, items, training, cases, known)
