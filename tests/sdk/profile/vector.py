"""Makes ``tests/vectors/2/profile``: run ``python -m tests.sdk.profile.vector FOLDER`` from the root.

It was run once, by the version that first wrote schema 2, and is kept to say what is in that profile; the vector is
never made again. Keys, names and salts come from a counter, so that only the database's own nonces differ from one run
to the next. What opens it: ``Key.bytes(bytes(range(32)))``, and the recovery key of ``RECOVERY``.
"""

import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from homespun.config import Settings
from homespun.consent import Notice, Purpose
from homespun.consent.parts import CACHE, LEARNING
from homespun.home import Home
from homespun.person.keys import Keys
from homespun.profile import Key, Place
from homespun.profile.files import Entropy
from homespun.protocol.controls import FrequencyCap, entry
from homespun.protocol.events import Event
from homespun.protocol.records import AttributionEntry, ExplanationRecord
from homespun.testing import FakeClock

START = 1_700_000_000.25
LATER = START + 31 * 86_400
DESTINATION = "https://collect.example.org"
NOTICE = Notice("May we?", "en-GB", "7")
PROFILE = "ef7b19f7fe844a9b25926ea31582381c"
RECOVERY = "AZRJ-Y9TM-R5HZ-M5DC-0MNA-DT6N-GQME-6H3B-9YSD-Q669-T8S3-GM2B-H8Y5-N5WA"
"""What the maker printed."""

EARLY = [
    Event("film-1", "view", 1_700_000_000.5, 3.5, {"device": "tv", "alone": True, "count": 2, "share": 0.25}),
    Event("映画-2", "rate", None, 0.0, {}),
    Event("film-1", "buy", id="once"),
]
LATE = [Event("film-3", "view", 1_702_678_500.0, id="other"), Event("film-4", "view")]
DECISION = ExplanationRecord(
    schema=1,
    bundle="ab" * 32,
    time=Decimal("1702678400.250000"),
    item="film-5",
    personalized=True,
    score=Decimal("0.75"),
    attributions=(
        AttributionEntry("prior", None, None, Decimal("0.25")),
        AttributionEntry("history", "collaborative", "film-1", Decimal("0.5")),
    ),
    residual=Decimal(0),
)


def counted() -> Entropy:
    """Return a source of bytes that are the same in every run."""
    drawn = 0

    def draw(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return b"".join(sha256(f"vector {drawn} {part}".encode()).digest() for part in range(size // 32 + 1))[:size]

    return draw


def make(folder: Path) -> str:
    """Make the profile; return its recovery key."""
    clock = FakeClock(START)
    place = Place(folder, Key.bytes(bytes(range(32))), Settings(tombstones=False), counted())
    home = Home(place, clock=clock)
    home.grant(tuple(Purpose), NOTICE, "first run", "explicit")
    home.add_all(EARLY)
    home.set_control(lambda entries: entry(entries, "hide_item", "film-9", value=True, now=home.now()))
    home.set_control(lambda entries: entry(entries, "interest", "drama", 0.5, home.now()))
    home.set_control(lambda entries: entry(entries, "frequency_cap", None, FrequencyCap(3, 7), home.now()))
    home.set_attribute("age_band", "30-39")
    home.set_attribute("language", "nb")
    home.keep(LEARNING, "bias", bytes(range(16)))
    home.keep(CACHE, "empty", b"")
    clock.advance(LATER - START)
    home.add_all(LATE)
    home.add_decisions(lambda: [DECISION])
    home.add_exposures(["film-5", "film-6", "film-5"])
    for number in range(2):
        home.egress.queue(
            f"count:{number}",
            bytes([number]) * 8,
            purpose=str(Purpose.CONTRIBUTION),
            destination=DESTINATION,
            epsilon=Decimal("0.5"),
        )
    home.withdraw((Purpose.MEASUREMENT,), "settings", "explicit")
    text = Keys(home).export_recovery()
    home.close()
    return text


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))  # noqa: T201 - the recovery key, for the tests
