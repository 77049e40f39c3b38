"""What a person sees of requests, and what a look at the list came to."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from homespun.contribute.outcome import SendOutcome
from homespun.protocol.asking.request import AskedRequest

State = Literal["open", "begun", "answered", "over"]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the profile keeps it.

    Attributes:
        asked: The request.
        device: Which device was asked: an id that this one had when it was.
        account: For which account.
        state: ``begun`` from the decision until the receipt is made, so that a crash between them ends in a receipt;
            ``over``: the list of now does not ask it any more. An erasure is never ``begun``: see ``afterwards``.
        sequence: Of the answer; 0: none was begun.
        by: Who decided.
        outcome: What was decided.
        digest: SHA-256 of the file that the person got.
        receipt: The device receipt as it is sent, once it was made.
    """

    asked: AskedRequest
    device: str
    account: str
    state: State = "open"
    sequence: int = 0
    by: Literal["person", "application"] = "person"
    outcome: Literal["done", "declined"] = "done"
    digest: str = ""
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request, for the person.

    Attributes:
        asked: What is asked, by when, under which regulation, and how the operator made sure who asks.
        state: ``open``: it waits for the person; ``begun``: it is being answered; ``answered``: it was;
            ``over``: it is no longer asked.
        receipt: The signed device receipt, as it is sent; empty before.
    """

    asked: AskedRequest
    state: State
    receipt: bytes

    def __str__(self) -> str:
        """Return the request in words."""
        asked = self.asked
        state = "no longer asked" if self.state == "over" else self.state
        return (
            f"{asked.text}\nRequest {asked.request} ({asked.kind}, {asked.regulation}), to be answered by "
            f"{asked.deadline}; how it was checked who asked: {asked.verified}. State: {state}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsOutcome:
    """What a look came to.

    Attributes:
        found: Ids of requests that were not known before.
        answered: Ids of requests that were answered.
        sent: What came of sending; None where nothing could be sent.
        problem: What went wrong, in plain words; None: nothing.
    """

    found: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    sent: SendOutcome | None = None
    problem: str | None = None
