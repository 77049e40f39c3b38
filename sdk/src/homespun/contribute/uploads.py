"""An upload as it waits and as the ledger's SHA-256 is of it: a line with where it goes, then the report.

Everything that leaves, beside what every request says by its nature, is in these bytes.

Pure.
"""

import re

from homespun.errors import MisuseError

CONTENT_TYPE = "application/homespun-report"
"""What a report says of its body."""

INTAKE_TYPE = "application/json"
"""What an upload to one of ``INTAKE`` says of its body."""

CONSENTS = "/intake/v1/consents"
"""Where reports of what the person chose go."""

REGISTRATIONS = "/intake/v1/registrations"
"""Where a device says that it can be asked, and by which keys."""

RECEIPTS = "/intake/v1/receipts"
"""Where answers to requests go."""

INTAKE = (CONSENTS, REGISTRATIONS, RECEIPTS)
"""Paths below the operator's origin that take what bears the person's name."""

_LINE = re.compile(rb"POST (/tasks/[0-9a-f]{64}/reports|/intake/v1/(?:consents|registrations|receipts))\n")
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


def encode_intake(path: str, body: bytes) -> bytes:
    """Return the bytes of an upload that bears the person's name.

    Args:
        path: One of ``INTAKE``.
        body: Canonical JSON.

    Raises:
        MisuseError: The path is none of them.
    """
    if path not in INTAKE:
        raise MisuseError(f"nothing is sent to {path!r}; use one of {', '.join(INTAKE)}.")
    return f"POST {path}\n".encode() + body


def parse_upload(payload: bytes) -> tuple[str, bytes]:
    """Return the path and the body of an upload.

    Raises:
        MisuseError: It is none.
    """
    match = _LINE.match(payload[:_LONGEST_LINE])
    if match is None:
        raise MisuseError("this transport sends uploads only, and what it was given is none.")
    return match[1].decode(), payload[match.end() :]
