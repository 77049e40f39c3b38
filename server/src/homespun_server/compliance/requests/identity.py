"""How a person's identity is settled: a hook, with what is recorded of it. Never a copy of a document.

GDPR Art. 12(6) allows to ask for more where there are doubts; 11 CCR § 7060 to § 7063 say how much is asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from homespun_server.errors import RequestError


@dataclass(frozen=True)
class Identified:
    """That somebody is who they say.

    Attributes:
        method: How that was found out, in plain words.
        evidence: Where the evidence is kept, or what it was; never the evidence.
    """

    method: str
    evidence: str


class IdentityCheck(Protocol):
    """Finds out whether somebody is who they say."""

    def check(self, identifier: str | None, offered: Mapping[str, str]) -> Identified:
        """Return how identity was settled.

        Args:
            identifier: What the operator calls the person; None: nobody said.
            offered: What came with the request, by name.

        Raises:
            RequestError: It was not.
        """


class OfficerRecorded:
    """An officer looked, and says how: ``method`` and ``evidence``."""

    def check(self, identifier: str | None, offered: Mapping[str, str]) -> Identified:  # noqa: ARG002 - the officer's
        """Return what the officer says."""
        method, evidence = offered.get("method", "").strip(), offered.get("evidence", "").strip()
        if not method or not evidence:
            raise RequestError(
                "say how identity was checked (method) and where evidence of it is (evidence). Nothing was recorded."
            )
        return Identified(method, evidence)


class AccountToken:
    """The application vouches: a token that it gave to the account's holder."""

    def __init__(self, account: Callable[[str], str | None]) -> None:
        """Use the application's own check.

        Args:
            account: Returns whose a token is, as the operator calls people; None: nobody's.
        """
        self._account = account

    def check(self, identifier: str | None, offered: Mapping[str, str]) -> Identified:
        """Return that the token is the person's own."""
        holder = self._account(offered.get("token", ""))
        if holder is None or holder != identifier:
            raise RequestError("the token is not that of the person whom the request is about. Nothing was recorded.")
        return Identified("signed in to the account", "the application vouched for its token")
