"""An upload as it waits and as the ledger's SHA-256 is of it: a line with where it goes, then the report.

Everything that leaves, beside what every request says by its nature, is in these bytes.

Pure.
"""

import re

from homespun.errors import MisuseError

CONTENT_TYPE = "application/homespun-report"
"""What an upload says of its body."""

_LINE = re.compile(rb"POST (/tasks/[0-9a-f]{64}/reports)\n")
_LONGEST_LINE = 128


def report_path(task: bytes) -> str:
    """Return where reports of a task go, below the leader's origin.

    Args:
        task: The task's id, 32 bytes.
    """
    return f"/tasks/{task.hex()}/reports"


def encode_upload(task: bytes, report: bytes) -> bytes:
    """Return an upload's bytes.

    Args:
        task: The task's id, 32 bytes.
        report: The encoded report.
    """
    return f"POST {report_path(task)}\n".encode() + report


def parse_upload(payload: bytes) -> tuple[str, bytes]:
    """Return the path and the body of an upload.

    Raises:
        MisuseError: It is none.
    """
    match = _LINE.match(payload[:_LONGEST_LINE])
    if match is None:
        raise MisuseError("this transport sends reports only, and what it was given is none.")
    return match[1].decode(), payload[match.end() :]
