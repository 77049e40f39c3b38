"""The saga: a request is carried to every store of its data map, and each store's effect is recorded as it is had.

- Before anything is erased or set aside, its marks are on the disk.
- Every step may be done again: a store that was erased is found empty, and what an interrupted attempt had found there
  is in the request's events. Ended anywhere, the saga is started again and goes on.
- A store that fails is recorded as failed and tried again the next time; the others are kept. The request stays open.
- After erasing a store it is read again. What is still there makes the effect ``failed``, whatever the store said.
- Models come last: one that was made again before the person's rows had gone would have them in it.
"""

from collections.abc import Callable, Mapping, Sequence

from homespun.errors import HomespunError
from homespun_server.compliance.requests.course import Course
from homespun_server.compliance.requests.effects import (
    DEVICES,
    EXPLANATIONS,
    MODELS,
    Effect,
    failed,
    not_yet_explained,
    nothing,
)
from homespun_server.compliance.requests.holding import Holding
from homespun_server.compliance.requests.lifting import Lifting
from homespun_server.compliance.requests.ports import Connector, Correction, Person
from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.remaking import Remaking, effect_of, is_table
from homespun_server.compliance.requests.requests import Requests
from homespun_server.compliance.requests.retraining import Retrainings
from homespun_server.compliance.requests.tombstones import Tombstones
from homespun_server.errors import ConflictError, ReplayError, RequestError
from homespun_server.store import Actor

_COPIED = frozenset({"access", "portability", "explanation"})
_SET_ASIDE = frozenset({"restriction", "objection", "opt-out"})


class ErasureSaga:
    """Carries requests of every kind to the stores; erasure is what it is made for."""

    def __init__(
        self,
        requests: Requests,
        connectors: Sequence[Connector],
        tombstones: Tombstones,
        retrainings: Retrainings | None = None,
        devices: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """Use requests and stores.

        Args:
            requests: The requests.
            connectors: The stores there are now, by the names that data maps use.
            tombstones: The marks of what was erased.
            retrainings: The models that are to be made again; None: there is no registry.
            devices: Returns the devices that registered under a pseudonym; None: devices are not asked here.
        """
        self._requests, self._tombstones, self._devices = requests, tombstones, devices
        self._remaking, self._holding = Remaking(requests, retrainings), Holding(tombstones)
        self._connectors = {each.name: each for each in connectors}
        self._lifting = Lifting(requests, self._connectors, self._holding)

    def work(self, request: str, actor: Actor, corrections: Sequence[Correction] = ()) -> Course:
        """Carry a request to every store that has no final effect yet, and return how things then stand.

        Where it was closed while others were pending, only its models are looked at.

        Args:
            request: The request's id; it was accepted.
            actor: Who has it done.
            corrections: For a rectification, what is wrong and what is right.

        Raises:
            ConflictError: Somebody else works on it at the same time.
            OutputError: Tombstones cannot be written; nothing was erased.
            RequestError: It was not accepted, or has ended.
        """
        known = self._requests.course(request)
        if known.state == "closed_pending":
            return self.check_models(request, actor)
        if known.rules.kind == "rectification" and not corrections and any(map(is_table, known.missing)):
            raise RequestError(
                "what is wrong, and what is right instead, has to be named: otherwise every table would "
                "be found to have nothing wrong. Nothing was recorded; give corrections."
            )
        self._requests.act(request, "working", actor)
        course, person = self._requests.course(request), self._requests.person(request)
        if course.rules.kind == "erasure":
            stores = [self._connectors[name] for name in course.connectors if name in self._connectors]
            self._tombstones.add(mark for store in stores for mark in store.marks(person))
        if course.rules.kind in _SET_ASIDE and person.identifier is not None and not course.lifted:
            self._holding.hold(request, course.rules.kind, person.identifier)
        for name in course.missing:
            if name not in (DEVICES, MODELS, EXPLANATIONS):
                course = self._one(name, person, actor, corrections)
        if DEVICES in course.connectors:
            course = self._ask(person, course, actor)
        if MODELS in course.connectors:
            course = self._remaking.schedule(request, course, actor)
        if EXPLANATIONS in course.connectors and course.outcome(EXPLANATIONS) is None:
            detail = effect_of(EXPLANATIONS, not_yet_explained())
            course = self._requests.record(request, "effect", detail, actor)
        return course

    def lift(
        self, request: str, actor: Actor, said: Mapping[str, object], *, seen: int | None = None
    ) -> dict[str, int]:
        """Lift a restriction: what was set aside for it is put back, after it was recorded that the person was told.

        Choices that ended with it stay ended; they are the person's to make anew. Called again after an interruption,
        it puts back what is left.

        Args:
            request: The request's id.
            actor: Who has it done.
            said: The ``reason``, and as ``notice`` where it is kept that the person was told before.
            seen: How many events they had seen; None: not said.

        Returns:
            How many records were put back, by store.

        Raises:
            ConflictError: Somebody else works on it at the same time.
            OutputError: A table cannot be written, or is no longer named; what is left is put back by the next call.
            RequestError: It is no restriction, holds still, was lifted before, or nobody told the person.
        """
        return self._lifting.lift(request, actor, said, seen=seen)

    def is_set_aside(self, request: str) -> bool:
        """Return whether records are still set aside for a request, or are to be, by a mark that it put."""
        return self._lifting.is_set_aside(request)

    def allow_again(self, identifier: str, actor: Actor) -> dict[str, int]:
        """End what keeps a person's data out of use, as they allowed the use again, and put rows that came back back.

        What was set aside for their requests stays there. Called again after an interruption, it puts back what is
        left.

        Args:
            identifier: What the operator calls them.
            actor: Who says so.

        Returns:
            How many records were put back, by store.

        Raises:
            OutputError: The file of marks, or a table, cannot be written.
            RequestError: Nothing keeps their data out of use, and no row that came back is left to be put back.
        """
        return self._lifting.allow_again(identifier, actor)

    def replay(self) -> dict[str, int]:
        """Bring the marks together, erase and set aside again what they name, and return how many records by store.

        Raises:
            OutputError: The file of tombstones cannot be read or written.
            ReplayError: A store could not be worked on; the others were.
        """
        self._tombstones.merge()
        if not self._tombstones.known():
            return {}
        marked, again, reasons = self._tombstones.seen(), dict[str, int](), dict[str, str]()
        for name, each in self._connectors.items():
            try:
                again[name] = each.replay(marked)
                held = each.hold_again(marked)
                if held:
                    again[f"{name}, set aside"] = held
            except Exception as error:  # noqa: BLE001 - whatever ails one store, people stay erased in the others
                reasons[name] = str(error) or type(error).__name__
        if reasons:
            raise ReplayError(again, reasons)
        return again

    def _one(self, name: str, person: Person, actor: Actor, corrections: Sequence[Correction]) -> Course:
        course, store = self._requests.course(person.request), self._connectors.get(name)
        if store is None:
            effect = failed("The settings no longer name this store. Put it back, so that it can be looked at.")
            return self._requests.record(person.request, "effect", effect_of(name, effect), actor)
        try:
            found = store.left(person)
            began = max(found, course.began.get(name, 0))
            if found > course.began.get(name, 0):
                self._requests.record(person.request, "began", {"connector": name, "records": found}, actor)
            effect = _done(course.rules.kind, store, person, corrections, began)
        except ConflictError:
            raise
        except (HomespunError, OSError) as error:
            effect = failed(_failure(name, error))
        return self._requests.record(person.request, "effect", effect_of(name, effect), actor)

    def _ask(self, person: Person, course: Course, actor: Actor) -> Course:
        found = () if self._devices is None or person.subject is None else self._devices(person.subject)
        new = [each for each in found if each not in course.devices]
        if new:
            return self._requests.devices_asked(person.request, new, actor)
        known = course.outcome(DEVICES)
        if course.devices or (known is not None and known.final):
            return course
        effect = nothing(
            "No device of this person registered to be asked. What is on devices is theirs alone: nobody here can "
            "reach or see it, and the person does there what they asked for here."
        )
        return self._requests.record(person.request, "effect", effect_of(DEVICES, effect), actor)

    def check_waiting(self, actor: Actor) -> tuple[str, ...]:
        """Look after every request that waits for models; see ``Remaking``."""
        return self._remaking.check_waiting(actor)

    def check_models(self, request: str, actor: Actor) -> Course:
        """Look which models were made again by now, and return how things stand with a request."""
        return self._remaking.check(request, actor)


def _done(kind: Kind, store: Connector, person: Person, corrections: Sequence[Correction], began: int) -> Effect:
    """Do what a kind of request asks of a store, read again, and return the effect."""
    if kind in _COPIED:
        records = sum(each.records for each in store.access(person))
        if not records:
            return nothing("Nothing of this person is here to be copied.")
        return Effect(outcome="done", level="logical", records=records, detail=f"{records} records are in the copy.")
    if kind == "rectification":
        return store.rectify(person, corrections)
    effect = store.set_aside(person, kind) if kind in _SET_ASIDE else store.erase(person)
    left = store.left(person) if effect.outcome in ("done", "nothing") and _reads(kind, store) else 0
    if left:
        return failed(f"{left} records are still there after it was done: {effect.detail}")
    if effect.outcome == "nothing" and began and _reads(kind, store):
        told = f"{began} records were found and dealt with by an attempt that was interrupted; none is left. "
        return Effect(outcome="done", level=store.level, records=began, detail=told + effect.detail)
    return effect


def _failure(name: str, error: Exception) -> str:
    """Return what failed and what to do, whatever the error says: that of a system may be no more than a path."""
    if isinstance(error, OSError):
        where = "" if error.filename is None else f": {error.filename}"
        told = f"{error.strerror or type(error).__name__}{where}"
    else:
        told = str(error).strip() or type(error).__name__
    return (
        f"{name} could not be worked on, so as far as is known it is as it was: {told.rstrip('.')}. What other stores "
        "did stays done. Mend this one, and have the request worked on again (request work)."
    )


def _reads(kind: Kind, store: Connector) -> bool:
    """Return whether a store has to be empty of the person afterwards: what is set aside, and others keep, is not."""
    return kind == "erasure" or is_table(store.name)
