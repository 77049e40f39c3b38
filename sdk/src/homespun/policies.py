"""The policy by which lists are made: the application's, else the bundle's, else the default one."""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from homespun.errors import MisuseError, PolicyError
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.protocol.events import ContextValue
from homespun.protocol.policy import Policy, parse_policy
from homespun.ranking.default import DEFAULT
from homespun.ranking.surfaces import Compiled

GivenPolicy = Policy | bytes | str | dict[str, Any] | None
"""A policy, as JSON, as what JSON would hold, or checked already; None: the bundle's own."""


class Policies:
    """Which policy is in force. Thread-safe; a policy that cannot be used changes nothing."""

    def __init__(self, items: Items, given: GivenPolicy, zone: tzinfo | None) -> None:
        """Use ``Personalizer.policy``.

        Raises:
            PolicyError: The policy cannot be used.
            MisuseError: ``zone`` is no time zone.
        """
        if zone is not None and not isinstance(zone, tzinfo):
            raise MisuseError(
                f"zone is of type {type(zone).__name__}; give a time zone, such as zoneinfo.ZoneInfo(name)."
            )
        self._items = items
        self._zone = zone
        self._lock = threading.Lock()
        self._compiled: Compiled | None = None
        self._under: dict[tuple[int | None, str], Compiled] = {}
        self._given: Policy | None = None
        self.use(given)

    @property
    def current(self) -> Policy:
        """The policy in force."""
        bundle = self._items.view
        return self._given or bundle.policy or DEFAULT

    def use(self, policy: GivenPolicy) -> Policy:
        """Make lists by another policy from now on; return it.

        Args:
            policy: The policy; None: the bundle's own, or the default one.

        Raises:
            PolicyError: It cannot be used; the message names the place in the JSON, and the one before stays in force.
        """
        given = policy if policy is None or isinstance(policy, Policy) else parse_policy(policy)
        bundle = self._items.view
        compiled = Compiled(bundle, given or bundle.policy or DEFAULT)
        with self._lock:
            self._given, self._compiled, self._under = given, compiled, {}
        return compiled.policy

    @property
    def is_given(self) -> bool:
        """Whether the application gave one of its own."""
        return self._given is not None

    def check(self, bundle: Bundle) -> None:
        """Check that lists could be made from another bundle by the policy that would then be in force.

        Raises:
            PolicyError: They could not.
        """
        Compiled(bundle, self._given or bundle.policy or DEFAULT)

    @property
    def compiled(self) -> Compiled:
        """The policy in force, made ready for the bundle as it is now."""
        bundle, found = self._items.view, self._compiled
        if found is not None and found.bundle is bundle:
            return found
        with self._lock:
            found = self._compiled
            if found is None or found.bundle is not bundle:
                found = self._compiled = Compiled(bundle, self._given or bundle.policy or DEFAULT)
                # They would keep the bundle before open.
                self._under = {}
            return found

    def under(self, policy: Policy | None, experiment: str = "") -> Compiled:
        """Return a policy of an experiment's variant, made ready for the bundle as it is now.

        Args:
            policy: The variant's; None: the one in force.
            experiment: The experiment and the variant, in words.

        Raises:
            PolicyError: It cannot be used with this bundle.
        """
        # What is kept holds its policy, so that no other one can have the same id.
        base, key = self.compiled, (None if policy is None else id(policy), experiment)
        with self._lock:
            found = self._under.get(key)
            if found is None or found.bundle is not base.bundle:
                made = base if policy is None else Compiled(base.bundle, policy)
                found = self._under[key] = made.under(experiment)
            return found

    def can_list(self, policies: Iterable[Policy | None], surface: str) -> bool:
        """Return whether lists of a surface could be made by each of these policies from the bundle as it is now."""
        try:
            for policy in policies:
                self.under(policy).surface(surface)
        except (PolicyError, MisuseError):
            return False
        return True

    def forget(self) -> None:
        """Forget what was worked out for the latest list of the person; the next one works it out again."""
        for found in (self._compiled, *self._under.values()):
            if found is not None:
                found.forget()

    def circumstances(self, context: Mapping[str, ContextValue], now: float) -> Mapping[str, ContextValue]:
        """Return a request's circumstances, with ``hour`` and ``weekday`` where the time zone is known."""
        if self._zone is None:
            return context
        local = datetime.fromtimestamp(now, self._zone)
        return {"hour": local.hour, "weekday": _WEEKDAYS[local.weekday()], **context}


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
