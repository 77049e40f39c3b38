"""What compliance costs with a lot to look through, on SQLite and PostgreSQL, beside bare SELECTs on the same tables.

Rules: the tables are filled directly, by the statements that the server's own end in; what is timed is the server's own
code, from outside. The limit is the same rows by one indexed SELECT, read and thrown away.
"""

from benchmarks.compliance import consents
from benchmarks.result import Section
from benchmarks.workspace import Workspace

PARTS = (consents,)
"""Modules with a ``sections(workspace)``."""


def run(workspace: Workspace) -> list[Section]:
    """How long the status of a person and the counts of a console take, of a million consent events."""
    return [section for part in PARTS for section in part.sections(workspace)]
