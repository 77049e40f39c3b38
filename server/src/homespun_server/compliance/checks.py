"""What a check found: its name, whether it passed, and the figure that it is about. Pure."""

from collections.abc import Callable
from typing import Literal

import msgspec

from homespun.errors import HomespunError

Outcome = Literal["pass", "fail", "nothing"]
"""``nothing``: there was nothing to check, which is no evidence."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A check's result.

    Attributes:
        name: What was checked.
        outcome: What came of it.
        figure: What was found, in a few words and with its number.
        wrong: What does not fit, in plain words; empty where it passed.
    """

    name: str
    outcome: Outcome
    figure: str
    wrong: str = ""

    @property
    def failed(self) -> bool:
        """Whether something does not fit."""
        return self.outcome == "fail"


def checked(name: str, check: Callable[[], tuple[int, str]]) -> Check:
    """Run a check and return what it found.

    Args:
        name: Its name.
        check: Returns how many things it looked at, and what to call them; raises a ``HomespunError`` about the first
            that does not fit.
    """
    try:
        count, what = check()
    except HomespunError as error:
        return Check(name=name, outcome="fail", figure="0 accepted", wrong=str(error))
    return Check(name=name, outcome="pass" if count else "nothing", figure=f"{count:,} {what}")
