"""What the command prints: texts that steer no terminal, to an output that may be closed."""

import errno
import io
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress

_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal or turns its text around: all control characters but the line break."""


class OutputError(Exception):
    """The output cannot be written; says nothing where whoever read it has closed it."""


def prepare_output() -> None:
    """Let no letter that the terminal lacks end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An old code page lacks letters of titles; their numbers are better than a crash.
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a text and flush.

    Raises:
        OutputError: If the output cannot be written.
    """
    try:
        # A bundle's texts were checked when they were read; this is for what comes from elsewhere.
        print(_STEERING.sub("\N{REPLACEMENT CHARACTER}", text), flush=True)  # noqa: T201 - a command prints
    except OSError as error:
        # Windows calls a closed pipe invalid.
        closed = error.errno in {errno.EPIPE, errno.EINVAL}
        raise OutputError("" if closed else f"the output cannot be written: {error}.") from error


def say_under(heading: str, lines: Iterable[str]) -> None:
    """Print indented lines under a heading, and nothing where there are none."""
    indented = [f"  {line}" for line in lines]
    if indented:
        say("\n".join([heading, *indented]))


def failed(why: str) -> int:
    """Say on one line why the command failed, and return its exit status."""
    line = _STEERING.sub("\N{REPLACEMENT CHARACTER}", f"homespun: {why}").replace("\n", " ")
    print(line, file=sys.stderr)  # noqa: T201 - a command
    return 1


def give_up_output() -> None:
    """Send what is still buffered nowhere, because Python would try to write it once more at its end."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of anybody's
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
