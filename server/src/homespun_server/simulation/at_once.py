"""A fleet's sum without the fleet: the table's exact sum, shared between leader and helper, with both noises.

Devices' sums before noise are the table's, bit for bit (``tests/server/simulation/test_equal_sums.py``). So what a
collector gets of a large fleet is got here in the time that a table takes, from noise on by the services' own code. No
report is made, nothing is checked, and no bytes are counted.
"""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.task import Task
from homespun_server.collection.messages import Collection, Role, ShareRequest, set_digest
from homespun_server.collection.noising import noised_share
from homespun_server.collection.places import Known
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.collected import Asked
from homespun_server.simulation.fleet import Device
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import sum_over_people


class AtOnce:
    """Leader and helper of a fleet that is a table; an ``Aggregate``."""

    def __init__(self, population: Population, cohort: Cohort, people: int, observer: Observer) -> None:
        """Sum over a table.

        Args:
            population: The people.
            cohort: Who is in the fleet.
            people: How many they are.
            observer: Called with (step, done, in all).
        """
        self._population, self._cohort, self._people = population, cohort, people
        self._observer = observer
        self._places = {identity: place for place, identity in enumerate(population.ids)}

    def __call__(self, task: Task, asked: Asked, _devices: Sequence[Device]) -> Collection:
        """Return what leader and helper would answer."""
        name = task.statistic.name
        chosen = np.array([self._places[identity] for identity in asked.ids], np.int64)
        (total,) = sum_over_people(
            [task.statistic], self._population, self._cohort, selections={name: chosen}, observer=self._observer
        )
        leader = _uniform(task.statistic.size)
        helper = (total.values.astype(np.uint64) + (np.uint64(MODULUS) - leader)) % np.uint64(MODULUS)
        known = Known(0, task)
        checksum = set_digest([task.id[:16]])
        counted = ShareRequest(count=self._people, checksum=checksum)
        sides: tuple[tuple[Role, NDArray[np.uint64]], ...] = (("leader", leader), ("helper", helper))
        sealed = [noised_share(role, known, counted, share) for role, share in sides]
        return Collection(
            task=known.hex,
            count=self._people,
            checksum=checksum,
            leader=sealed[0],
            helper=sealed[1],
            development=task.development,
        )


def _uniform(size: int) -> NDArray[np.uint64]:
    """Return a share: modulo p of 64 random bits, uniform but for 2⁻³²."""
    return np.frombuffer(os.urandom(8 * size), np.uint64) % np.uint64(MODULUS)
