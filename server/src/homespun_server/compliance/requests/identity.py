"""How a person's identity is settled: a hook, with what is recorded of it. Never a copy of a document.

GDPR Art. 12(6) allows to ask for more where there are doubts; 11 CCR § 7060 to § 7063 say how much is asked for.

An operator registers a check of their own in the settings, ``[compliance] identify = "module:name"``: a function of the
person's name and of what came with the request, or an ``IdentityCheck``. Where none is registered, or does not fit, an
officer records how identity was checked by hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from homespun_server.errors import RequestError, SettingsError


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


class Registered:
    """The operator's own check, from a module of theirs."""

    def __init__(self, name: str, function: Callable[[str | None, Mapping[str, str]], object]) -> None:
        """Use a function.

        Args:
            name: What the settings call it.
            function: Returns ``Identified`` for the person's name and what was offered, or raises.
        """
        self._name, self._function = name, function

    def check(self, identifier: str | None, offered: Mapping[str, str]) -> Identified:
        """Return what the function found out; whatever it raises settles nothing.

        Raises:
            RequestError: It was not settled. Where the function raised that, in its words: they are for officers.
        """
        try:
            found = self._function(identifier, offered)
        except RequestError:
            raise
        except Exception as error:
            # Also another of homespun's errors: its words may quote a token, so they are not told on.
            raise RequestError(
                f"the check of identity {self._name} failed ({type(error).__name__}), so nothing was settled or "
                "recorded. Mend it, or say how identity was checked by hand."
            ) from error
        if not isinstance(found, Identified):
            raise RequestError(
                f"the check of identity {self._name} returned {type(found).__name__} and not Identified, so nothing "
                "was settled or recorded."
            )
        return found


def registered_check(name: str) -> IdentityCheck | None:
    """Return the check that settings name; None: they name none.

    Args:
        name: ``module:name``, of a function or an ``IdentityCheck``; the module is one that Python finds.

    Raises:
        SettingsError: There is none of that name.
    """
    if not name:
        return None
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"compliance.identify names {name}, which is not there: {error}. Install the module where the server "
            "runs, or correct the settings."
        ) from error
    function = getattr(found, "check", found)
    if not callable(function):
        raise SettingsError(f"compliance.identify names {name}, which is neither a function nor a check of identity.")
    return Registered(name, function)


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
