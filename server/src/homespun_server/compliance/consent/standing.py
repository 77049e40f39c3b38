"""Who stands behind an event: what is proven, and what anybody may have sent.

The intake asks for no token, so that a name is a claim. Three things are more than a claim:

- ``vouched``: a voucher of the operator's own backend came with the stream, once. A stream's id is drawn at random by
  one installation and known to it and the operator alone, so that what was and will be in it is that account's.
- ``installation``: the name itself is a random id that one installation drew, and nothing else was ever received under
  it but reports of such a name.
- ``request``: somebody whose identity was checked asked for it, and an officer worked on that.

Everything else is ``unvouched``: also a request's header (``browser``) and a document that was brought in (``import``).

Rules:

- What is not proven denies like everything else: a stranger's opt-out is honoured, and told as such.
- It allows only what nobody else denied, by whatever is received under the name. Only what is proven overrules others.
- What was proven later was not proven before: a status of the past is as it was known then.

Non-goal: knowing that a stream's or an installation's id was not copied off the device.

Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from homespun_server.compliance.consent.events import ConsentEvent

Standing = Literal["vouched", "installation", "request", "unvouched", "browser", "import"]
"""Who stands behind an event."""

PROVEN: frozenset[Standing] = frozenset({"vouched", "installation", "request"})
"""What may overrule a denial of another source."""

IN_WORDS: Mapping[Standing, str] = {
    "vouched": "vouched for by the operator's backend, which let this person in",
    "installation": "by the installation that the name is of",
    "request": "by a request of this person, on which an officer worked",
    "unvouched": "nobody vouches that this is of this person",
    "browser": "by the signal of a request that named this person; nobody vouches for that",
    "import": "from a document that the operator brought in; nobody vouches for that",
}
"""The same in words."""


def standings(events: Iterable[ConsentEvent], at: datetime) -> dict[int, Standing]:
    """Return who stood behind each event at a time, by its number.

    Args:
        events: What was received by then, of one person.
        at: The time, by this server's clock.
    """
    known = tuple(events)
    is_installation = all(each.known_as == "installation" for each in known)
    return {each.number: _standing(each, at, is_installation=is_installation) for each in known}


def _standing(event: ConsentEvent, at: datetime, *, is_installation: bool) -> Standing:
    if event.origin in ("request", "import"):
        return event.origin
    if is_installation:
        return "installation"
    if event.origin == "browser":
        return "browser"
    is_vouched = event.vouched is not None and datetime.fromisoformat(event.vouched) <= at
    return "vouched" if is_vouched else "unvouched"
