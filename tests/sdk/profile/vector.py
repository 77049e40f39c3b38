"""Makes ``tests/vectors/2/profile``: run ``python -m tests.sdk.profile.vector FOLDER`` from the root.

It was run once, by the version that first wrote schema 2, and is kept to say what is in that profile; the vector is
never made again. Keys, names and salts come from a counter, so that only the database's own nonces differ from one run
to the next. What opens it: ``Key.bytes(bytes(range(32)))``, and the recovery key of ``RECOVERY``.
"""

import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from homespun.config import Settings
from homespun.consent import Notice, Purpose
from homespun.consent.parts import CACHE, LEARNING
from homespun.home import Home
from homespun.person.keys import Keys
from homespun.profile import Key, Place
from homespun.profile.files import Entropy
from homespun.protocol.controls import FrequencyCap, entry
from homespun.protocol.events import Event
from homespun.protocol.records import parse_record
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
ROWS = {
    1: (
        '{"schema":1,"bundle":"abababababababababababababababababababababababababababababababab","time":"17026784'
        '00.250000","item":"film-5","personalized":true,"score":"0.75","attributions":[{"source":"prior","compone'
        'nt":null,"item":null,"value":"0.25","control":null,"tag":null},{"source":"history","component":"collabor'
        'ative","item":"film-1","value":"0.5","control":null,"tag":null}],"residual":"0","moves":[]}'
    ),
    2: (
        '{"schema":2,"bundle":"abababababababababababababababababababababababababababababababab","time":"17026784'
        '00.250000","item":"film-6","personalized":true,"score":"1","attributions":[{"source":"prior","component"'
        ':"popularity","item":null,"value":"0.25","control":null,"tag":null,"choice":null},{"source":"context","c'
        'omponent":"evening:own","item":null,"value":"0.25","control":null,"tag":null,"choice":"true"},{"source":'
        '"repeat","component":null,"item":"film-6","value":"0.25","control":null,"tag":null,"choice":null},{"sour'
        'ce":"control","component":null,"item":null,"value":"0.25","control":"interest","tag":"drama","choice":nu'
        'll}],"residual":"0","moves":["moved up from place 2 to 1, so that unlike items stand side by side"]}'
    ),
    3: (
        '{"schema":3,"bundle":"abababababababababababababababababababababababababababababababab","time":170267840'
        '0.25,"personalized":true,"items":[{"item":"film-5","score":"0.75","reason":"because you viewed Solaris",'
        '"attributions":[{"source":"prior","component":"popularity","item":null,"value":"0.25","control":null,"ta'
        'g":null,"choice":null},{"source":"history","component":"collaborative","item":"film-1","value":"0.5","co'
        'ntrol":null,"tag":null,"choice":null}],"others":"0","residual":"0","moves":["moved up from place 2 to 1,'
        ' so that unlike items stand side by side"],"stages":[{"stage":"model","before":2,"after":2},{"stage":"di'
        'versity","before":2,"after":1}],"propensity":"1"},{"item":"film-6","score":"1","reason":"chosen to find '
        'out whether you like it","attributions":[{"source":"control","component":null,"item":null,"value":"0.5",'
        '"control":"interest","tag":"drama","choice":null},{"source":"context","component":"evening","item":null,'
        '"value":"0.25","control":null,"tag":null,"choice":"true"}],"others":"0.25","residual":"0","moves":[],"st'
        'ages":[],"propensity":"0.125"}],"policy":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'
        'cd","inputs":{"k":2,"surface":"home","events":[{"item":"film-1","kind":"view","time":1700000000.5,"weigh'
        't":3.5,"context":{"device":"tv","alone":true,"count":2,"share":0.25}},{"item":"映画-2","kind":"rate"}],"st'
        'eering":{"hidden_items":["film-9"],"interests":{"drama":0.5},"cap_times":3,"cap_days":7,"diversity":0.25'
        '},"attributes":{"language":"nb"},"context":{"evening":true},"exclude":["film-7"],"exclude_seen":false,"s'
        'hown":{"film-8":2},"seed":7},"candidates":300,"runtime":"homespun 0.1, numpy 2","precision":"float64","c'
        'onsents":{"explanation_log":2},"digest":"33a40cc6e66d4f79759f495023326795ca53b4d7b1dd4fd94b6044e5861d937'
        'a"}'
    ),
}
"""What each version of explanation records writes into the column ``decision.record``; the first is in the profile."""

DECISION = parse_record(ROWS[1])


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
    # As the version wrote it that made the profile.
    row: Any = msgspec.Raw(ROWS[1].encode())
    home.add_decisions(lambda: [row])
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
