"""A part of the benchmark: what it needs, runs and is called."""

from collections.abc import Callable, Sequence
from functools import wraps

from benchmarks.models.datasets import MissingDataError, title_of
from benchmarks.models.sections import missing_data
from benchmarks.result import Section
from benchmarks.workspace import Workspace

Part = Callable[[Workspace], Sequence[Section]]


def says_what_is_missing(part: Part) -> Part:
    """Make a part report a data set that is not there, instead of failing or saying nothing."""

    @wraps(part)
    def run(workspace: Workspace) -> Sequence[Section]:
        try:
            return part(workspace)
        except MissingDataError as error:
            return [missing_data(title_of(error.name), error.name, error.reason)]

    return run
