"""Stores whose effect is told elsewhere, or which are disclosed and not erased: releases, models, devices."""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import select

from homespun_server.compliance.requests.asking.answers import PENDING
from homespun_server.compliance.requests.asking.devices import Devices
from homespun_server.compliance.requests.disclosure import Disclosure
from homespun_server.compliance.requests.effects import DEVICES, MODELS, Effect, nothing
from homespun_server.compliance.requests.ports import Connector, Copy, Marked, Person
from homespun_server.store import Store
from homespun_server.store.schema_asking import asking_answers, asking_devices


class Releases(Connector):
    """Statistics that were released with noise."""

    name = "released statistics"
    what = "sums over people with noise, each charged to a privacy budget; they stay, and are disclosed"

    def __init__(self, disclosed: Callable[[], Disclosure]) -> None:
        """Use what tells everything that was released."""
        self._disclosed = disclosed

    def left(self, person: Person) -> int:  # noqa: ARG002 - nobody's rows
        """Return nothing: nobody can be found in them."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - the same for everybody
        """Return nothing: what was released is told to everybody who asks, in ``stays.json``."""
        return ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - the same for everybody
        """Disclose what stays."""
        found = self._disclosed().aggregates
        if not found:
            return nothing("Nothing was ever released: no budget ledger has a release.")
        most = max(found, key=lambda each: float(each.epsilon))
        detail = (
            f"{len(found)} releases stay; each is listed with its round, ε, δ, unit and argument in the answer. The "
            f"largest has ε = {most.epsilon} at δ = {most.delta} per {most.unit}. {most.argument}"
        )
        return Effect(outcome="kept", records=len(found), detail=detail)


class Models(Connector):
    """Bundles; the saga has those made again that have no guarantee."""

    name = MODELS
    what = "models and catalogues that were made from releases, from the catalogue alone, or without a guarantee"

    def __init__(self, disclosed: Callable[[], Disclosure]) -> None:
        """Use what tells everything that was released."""
        self._disclosed = disclosed

    def left(self, person: Person) -> int:  # noqa: ARG002 - nobody's rows
        """Return nothing: nobody's rows are in them."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - the same for everybody
        """Return what every model was made from, and how."""
        found = self._disclosed().models
        return (Copy("models.json", msgspec.json.encode(found), len(found)),) if found else ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - the saga's
        """Say that the saga does it."""
        return nothing("Models are made again, and not edited.")


class Asked(Connector):
    """Devices that registered to be asked: the saga asks them, and they answer with receipts."""

    name = DEVICES
    what = "what is on people's devices, which only they can reach; devices that registered are asked, then forgotten"

    def __init__(self, store: Store, devices: Devices) -> None:
        """Use a store and its devices."""
        self._store, self._devices = store, devices

    def left(self, person: Person) -> int:
        """Return how many devices registered under the person's pseudonym."""
        return len(self._names(person))

    def access(self, person: Person) -> Sequence[Copy]:
        """Return the names of the person's devices."""
        found = self._names(person)
        return (Copy("devices.json", msgspec.json.encode(found), len(found)),) if found else ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - the saga's
        """Say that the saga asks them."""
        return nothing("Devices are asked, and answer themselves.")

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:
        """Return the pseudonym that registrations are under."""
        return () if person.subject is None else ((self.name, person.subject),)

    def replay(self, marked: Marked) -> int:
        """Forget registrations of people who were erased, once no device of theirs is waited for."""
        with self._store.writing() as connection:
            found = list(connection.scalars(select(asking_devices.c.subject).distinct().where(~_WAITED_FOR)))
            gone = [subject for subject in found if marked(self.name, subject) is not None]
            return sum(self._devices.forget_within(connection, subject) for subject in gone)

    def _names(self, person: Person) -> list[str]:
        if person.subject is None:
            return []
        with self._store.reading() as connection:
            return [each.device for each in self._devices.of_within(connection, person.subject)]


_OTHER = asking_devices.alias()
_WAITED_FOR = (
    select(_OTHER.c.device)
    .join(asking_answers, asking_answers.c.device == _OTHER.c.device)
    .where(_OTHER.c.subject == asking_devices.c.subject, asking_answers.c.state == PENDING)
    .exists()
)
"""Whether a device of the same person was asked something and has not answered."""
