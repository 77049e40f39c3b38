"""The command ``homespun``: look at recommendations, reasons and profiles from a terminal, and change profiles.

Exit status: 0 done, 1 an error that homespun explains or an output that was closed, 2 wrong usage.
"""

from collections.abc import Sequence

from homespun.cli.output import OutputError, failed, give_up_output, prepare_output
from homespun.cli.parser import parser
from homespun.errors import HomespunError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    prepare_output()
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except HomespunError as error:
        return failed(str(error))
    except (EOFError, KeyboardInterrupt):
        return failed("stopped before it was done: an answer was needed and none came.")
    except OutputError as error:
        give_up_output()
        return failed(str(error)) if str(error) else 1
    return 0
