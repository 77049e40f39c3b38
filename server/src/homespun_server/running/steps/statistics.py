"""Statistics: what will be counted, for which moment, and which share of the budget each statistic gets.

Settled before anything is summed. The sums themselves exist in the memory of the step that releases them, and nowhere
else.
"""

from fractions import Fraction
from pathlib import Path

import msgspec

from homespun_server.learning.moments import stretches
from homespun_server.learning.releasing import shares_of
from homespun_server.running.cache import write_json
from homespun_server.running.job import Job
from homespun_server.running.steps.ingest import ingested

FILE = "statistics.json"


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What will be counted.

    Attributes:
        timed: Whether the table has times.
        shares: Share of the budget by kind of statistic, as a fraction.
        as_of: When it is for trends, seconds since 1970; None: there are none, or (without privacy) the last event.
    """

    timed: bool
    shares: dict[str, str]
    as_of: int | None

    def edges(self, half_lives: tuple[int, ...]) -> tuple[int, ...]:
        """Return the stretches of time that trends are counted in."""
        return () if self.as_of is None else stretches(self.as_of, half_lives)


def settle(job: Job, made: Path) -> None:
    """Settle what will be counted."""
    options, timed = job.options, "time" in ingested(job.made("ingest")).columns
    as_of = None
    if timed and options.wants("trend"):
        # Without privacy the moment may be read off the table, as a fit does; with it, it is today's.
        as_of = options.as_of if options.as_of is not None or job.wanted is None else int(job.clock().timestamp())
    found = shares_of(options, timed=timed)
    write_json(
        made / FILE, Settled(timed=timed, shares={name: _text(share) for name, share in found.items()}, as_of=as_of)
    )


def settled(folder: Path) -> Settled:
    """Return what will be counted."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Settled)


def _text(share: Fraction) -> str:
    return f"{share.numerator}/{share.denominator}"
