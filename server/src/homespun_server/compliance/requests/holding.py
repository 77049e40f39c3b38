"""Marks of people whose data are kept out of use, so that rows which come back are set aside again.

A restriction, an objection or an opt-out moves a person's rows out of their tables. A restore brings them back, and so
does the next export of the table from where the operator has it. So a mark is kept as of an erasure (``tombstones``):
the HMAC of what the operator calls the person, which names nobody. Before tables are read, rows of whoever has a mark
in force are set aside again, in a file under the mark's name. A second mark, of how the person's pseudonym is found,
has the withdrawals recorded again that a restored consent ledger lacks.

Rules:

- A mark is on the disk before rows are set aside, and names the request that it is for, which is random.
- A request marks once: after its mark was ended, working on it again, for whatever is left to do, puts none.
- Lifting a restriction ends its mark. What an objection or an opt-out marks holds until it is said that the person
  allowed the use again; the record of changes has who said so.
"""

from collections.abc import Collection

from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.tombstones import HELD, HELD_KINDS, Tombstones, held_as
from homespun_server.store import Actor

_LASTING = tuple(kind for kind in HELD_KINDS if kind != "restriction")


class Holding:
    """The marks of people whose data are kept out of use."""

    def __init__(self, tombstones: Tombstones) -> None:
        """Use the marks of a working directory."""
        self._tombstones = tombstones

    def hold(self, request: str, kind: Kind, identifier: str) -> None:
        """Mark a person, durably, before returning; who is marked stays so, and a mark that was ended stays ended.

        Args:
            request: The request's id.
            kind: Its kind, which keeps data out of use.
            identifier: What the operator calls the person.

        Raises:
            OutputError: The file cannot be written; nothing may be set aside then.
        """
        told = f"{HELD} {request}"
        if not self._tombstones.ended(told):
            self._tombstones.add(self._tombstones.held(kind, identifier), told=told)

    def names(self, request: str, people: Collection[str]) -> tuple[str, ...]:
        """Return under which names rows are set aside for a restriction: its own, and those of its marks.

        Args:
            request: The request's id.
            people: Whose rows it set aside; nobody, where only what it marked itself is asked for.
        """
        known = self._tombstones.known()
        by_request = [each.mark for each in known.values() if each.store == f"{HELD} {request}"]
        by_person = [mark for each in people for mark in self._marks("restriction", each)]
        return (request, *dict.fromkeys(mark for mark in (*by_request, *by_person) if mark in known))

    def is_in_force(self, request: str) -> bool:
        """Return whether a mark that a request put is in force."""
        return any(
            each.store == f"{HELD} {request}" and each.lifted is None for each in self._tombstones.known().values()
        )

    def of(self, identifier: str) -> tuple[str, ...]:
        """Return all marks of a person, also those that were ended.

        Args:
            identifier: What the operator calls them.
        """
        known = self._tombstones.known()
        marks = (mark for kind in HELD_KINDS for mark in self._marks(kind, identifier))
        return tuple(mark for mark in marks if mark in known)

    def _marks(self, kind: Kind, identifier: str) -> tuple[str, ...]:
        return tuple(self._tombstones.mark(*each) for each in self._tombstones.held(kind, identifier))

    def end(self, names: Collection[str], actor: Actor) -> bool:
        """End marks, as what they are for was lifted, or as their person allowed the use of their data again.

        Args:
            names: See ``names`` and ``of``; those that are no mark in force are passed over.
            actor: Who says so; the record of changes has that, with the marks.

        Returns:
            Whether one of them was in force.

        Raises:
            OutputError: The file of marks cannot be written; the store has it.
        """
        ended = [each for each in names if self._tombstones.lift_mark(each, actor) is not None]
        return bool(ended)

    def others(self, people: Collection[str]) -> tuple[str, ...]:
        """Return the requests, other than restrictions, by whose marks data of people are kept out of use."""
        known = self._tombstones.known()
        marks = [self._tombstones.mark(held_as(kind), each) for kind in _LASTING for each in people]
        found = [known[mark] for mark in marks if mark in known]
        return tuple(sorted(each.store.removeprefix(f"{HELD} ") for each in found if each.lifted is None))
