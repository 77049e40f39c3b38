"""On which day this profile's person first met a variant of an experiment: what keeps them a newcomer once.

The day stays where counts go, when a part is erased or consent is withdrawn, until the experiment has ended. Otherwise
the next list would make a newcomer of somebody who was one, and two windows would count them. It says nothing of what
they did, nor which variant it was.
"""

import msgspec

from homespun.consent.parts import MEETINGS
from homespun.home import Home
from homespun.protocol.experiment import Experiment
from homespun.protocol.experiment.definition import DAY

LONG_AGO = 0
"""The day of somebody of whom it cannot be read any more: before every window, so that none counts them again."""


class _First(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of an experiment.

    Attributes:
        day: Days since 1970.
        ends: When the experiment ends, seconds since 1970.
    """

    day: int
    ends: int


class FirstDays:
    """The days, by experiment."""

    def __init__(self, home: Home) -> None:
        """Use what the person's profile keeps."""
        self._home = home

    def of(self, experiment: Experiment, now: float) -> int:
        """Return the day, in days since 1970: the one that is kept, or else today, which is kept.

        Args:
            experiment: Whose variant is met.
            now: Seconds since 1970.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        kept = self._home.kept(MEETINGS)
        if experiment.digest in kept:
            found = _read(kept[experiment.digest])
            return LONG_AGO if found is None else found.day
        self._drop_ended(kept, now)
        made = _First(day=int(now // DAY), ends=experiment.ends)
        self._home.keep(MEETINGS, experiment.digest, msgspec.json.encode(made))
        return made.day

    def _drop_ended(self, kept: dict[str, bytes], now: float) -> None:
        for name, raw in kept.items():
            found = _read(raw)
            if found is not None and found.ends <= now:
                self._home.keep(MEETINGS, name, None)


def _read(raw: bytes) -> _First | None:
    try:
        return msgspec.json.decode(raw, type=_First)
    except msgspec.MsgspecError:
        return None
