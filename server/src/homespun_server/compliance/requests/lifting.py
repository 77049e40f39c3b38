"""The way back: what was set aside goes into its tables again, once it was lifted or the person allowed the use again.

Marks are ended first, so that no replay takes rows away while they come back. Ended anywhere after that, the same call
puts back what is left.
"""

from collections.abc import Mapping, Sequence

from homespun_server.compliance.requests.holding import Holding
from homespun_server.compliance.requests.ports import Connector
from homespun_server.compliance.requests.requests import Requests
from homespun_server.errors import RequestError
from homespun_server.store import Actor


class Lifting:
    """Puts back what was set aside."""

    def __init__(self, requests: Requests, connectors: Mapping[str, Connector], holding: Holding) -> None:
        """Use requests and stores.

        Args:
            requests: The requests.
            connectors: The stores there are now, by name.
            holding: The marks of people whose data are kept out of use.
        """
        self._requests, self._connectors, self._holding = requests, connectors, holding

    def lift(
        self, request: str, actor: Actor, said: Mapping[str, object], *, seen: int | None = None
    ) -> dict[str, int]:
        """Lift a restriction; see ``ErasureSaga.lift``."""
        names = self._names(request)
        if not (self._requests.course(request).lifted and self.is_set_aside(request)):
            self._check_alone(request)
            self._requests.act(request, "lifted", actor, said, seen=seen)
        self._holding.end(names, actor)
        back = self._put_back(names)
        for name, records in back.items():
            if records:
                self._requests.record(request, "returned", {"connector": name, "records": records}, actor)
        return {name: records for name, records in back.items() if records}

    def is_set_aside(self, request: str) -> bool:
        """Return whether records are still set aside for a request, or are to be, by a mark that it put."""
        return self._holding.is_in_force(request) or self._are_aside(self._names(request))

    def allow_again(self, identifier: str, actor: Actor) -> dict[str, int]:
        """End a person's marks, and put back what is under them; see ``ErasureSaga.allow_again``."""
        # Also under marks that were ended: an attempt before may not have come as far as putting back.
        marks = self._holding.of(identifier)
        if not (self._holding.end(marks, actor) or self._are_aside(marks)):
            raise RequestError("no restriction, objection or opt-out of somebody called that is in force here.")
        return {name: records for name, records in self._put_back(marks).items() if records}

    def _people(self, request: str) -> frozenset[str]:
        """Return whom a request is about, as far as that is known: names outlive no request, but what is set aside."""
        said = self._requests.person(request).identifier
        found = frozenset[str]().union(*(each.people_of(request) for each in self._connectors.values()))
        return found if said is None else found | {said}

    def _names(self, request: str) -> tuple[str, ...]:
        # Once it was lifted, a mark of the same person may be that of a restriction they asked for since.
        people = () if self._requests.course(request).lifted else self._people(request)
        return self._holding.names(request, people)

    def _are_aside(self, names: Sequence[str]) -> bool:
        return any(each.set_aside_for(name) for each in self._connectors.values() for name in names)

    def _put_back(self, names: Sequence[str]) -> dict[str, int]:
        return {store: sum(map(each.put_back, names)) for store, each in self._connectors.items()}

    def _check_alone(self, request: str) -> None:
        """Refuse to put rows back that another request keeps out of use, which a restore may have lost."""
        others = self._holding.others(self._people(request))
        if others and self._requests.course(request).rules.kind == "restriction":
            raise RequestError(
                f"the person also asked in {', '.join(others)} that their data not be used, and that holds. The "
                "restriction stays; nothing was recorded."
            )
