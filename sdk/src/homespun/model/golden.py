"""A bundle's test of itself: the lists that its publisher made must come out here, too.

Two items whose golden scores are nearer to each other than the tolerance may change places, and one of them may stand
in place of the other at the end of a list. Everything else is another machine, runtime or file than the bundle was
measured with.
"""

import math
from typing import Final

from homespun.errors import BundleIntegrityError, HomespunError
from homespun.model.bundle import Bundle, Scored
from homespun.protocol.bundle import GOLDEN
from homespun.protocol.golden import TOLERANCE, GoldenCase, parse_golden

_SLACK: Final = 2.0
"""Both scores of a pair that changes places may be off by the tolerance."""


def check_golden(bundle: Bundle, raw: bytes) -> None:
    """Check that a bundle makes the lists that its publisher made.

    Args:
        bundle: The bundle, opened.
        raw: Its golden file.

    Raises:
        BundleIntegrityError: The file is malformed, or a list comes out otherwise.
    """
    for number, case in enumerate(parse_golden(raw).cases, 1):
        _check_case(bundle, case, number)


def _check_case(bundle: Bundle, case: GoldenCase, number: int) -> None:
    try:
        events = [each.event() for each in case.events]
        found = bundle.rank(events, k=max(1, len(case.items)), context=case.context)
    except HomespunError as error:
        raise _refused(number, f"it cannot be made: {error}") from error
    if len(found) != len(case.items):
        raise _refused(number, f"it has {len(found)} items and not {len(case.items)}")
    expected = list(zip(case.items, map(float, case.scores), strict=True))
    for place, (each, own) in enumerate(zip(found, expected, strict=True), 1):
        _check_place(number, place, each, own, dict(expected))


def _check_place(number: int, place: int, found: Scored, expected: tuple[str, float], golden: dict[str, float]) -> None:
    item, score = expected
    if not _is_near(found.score, score):
        raise _refused(number, f"the score at place {place} is {found.score!r} and not {score!r}")
    # A stranger is one that the publisher's list cut off at equal scores, which only its end can do.
    own = golden.get(found.item, min(golden.values()))
    if found.item != item and not _is_near(own, score, _SLACK):
        raise _refused(number, f"at place {place} is {found.item!r} and not {item!r}")


def _is_near(score: float, golden: float, slack: float = 1.0) -> bool:
    return math.isfinite(score) and abs(score - golden) <= slack * TOLERANCE * max(1.0, abs(golden))


def _refused(number: int, why: str) -> BundleIntegrityError:
    return BundleIntegrityError(
        f"list {number} of {GOLDEN} comes out otherwise on this device: {why}. The bundle was measured with another "
        "machine, runtime or model; it is not used."
    )
