"""Models without a guarantee are made again without the person: what is scheduled, and what shows that it was done.

A model counts as made again when a newer version of its name was registered after the person's rows had gone, that is
another bundle, and, where both say so, was made from other tables. Until then it is pending, and is reported so.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import insert, select, update

from homespun_server.compliance.requests.course import State
from homespun_server.publishing.registry import Registry, Version
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema_requests import requests, retrainings

TABLE = "interactions"
"""What lineage calls the table about people."""


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is to be made again.

    Attributes:
        request: For which request.
        bundle: The bundle that the person's data may be in.
        name: Its name.
        scheduled: Since when, ISO 8601, UTC.
        evidence: The bundle that was made instead; None: none yet.
        done: When that was found; None: not yet.
    """

    request: str
    bundle: str
    name: str
    scheduled: str
    evidence: str | None = None
    done: str | None = None


class Retrainings:
    """The models that are to be made again. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, registry: Registry, now: Now) -> None:
        """Use a store and its registry.

        Args:
            store: The store.
            registry: The bundles.
            now: Returns the time.
        """
        self._store, self._registry, self._now = store, registry, now

    def needed(self) -> tuple[Version, ...]:
        """Return the newest version of every name, where it has no guarantee."""
        newest: dict[str, Version] = {}
        for version in self._registry.versions():
            if version.name not in newest or version.version > newest[version.name].version:
                newest[version.name] = version
        return tuple(each for each in newest.values() if each.privacy == "non_private")

    def schedule(self, request: str) -> tuple[Retraining, ...]:
        """Schedule every model without a guarantee, once, and return what is scheduled for a request."""
        there = {each.bundle for each in self.of(request)}
        new = [each for each in self.needed() if each.id not in there]
        if there and new:
            # A model that was made meanwhile is what was asked for, and not a further one to make again.
            new = []
        rows = [
            {"request": request, "bundle": each.id, "name": each.name, "scheduled": text_of(self._now())}
            for each in new
        ]
        if rows:
            with self._store.writing() as connection:
                connection.execute(insert(retrainings), rows)
        return self.of(request)

    def check(self, request: str) -> tuple[Retraining, ...]:
        """Look which models were made again by now, keep that, and return what is scheduled for a request."""
        for each in self.of(request):
            evidence = self._evidence(each) if each.evidence is None else None
            if evidence is not None:
                place = (retrainings.c.request == request) & (retrainings.c.bundle == each.bundle)
                values = {"evidence": evidence, "done": text_of(self._now())}
                with self._store.writing() as connection:
                    connection.execute(update(retrainings).where(place).values(**values))
        return self.of(request)

    def waiting(self, states: Iterable[State]) -> tuple[str, ...]:
        """Return the requests in some states that models were ever to be made again for."""
        query = select(requests.c.id).where(
            requests.c.state.in_(list(states)), requests.c.id.in_(select(retrainings.c.request))
        )
        with self._store.reading() as connection:
            return tuple(connection.scalars(query.order_by(requests.c.due, requests.c.id)))

    def of(self, request: str) -> tuple[Retraining, ...]:
        """Return what is scheduled for a request."""
        query = select(retrainings).where(retrainings.c.request == request).order_by(retrainings.c.bundle)
        with self._store.reading() as connection:
            return tuple(Retraining(**row._asdict()) for row in connection.execute(query))

    def pipeline(self, bundle: str) -> str | None:
        """Return the name of the pipeline that made a bundle; None: none did, as far as its lineage says."""
        made_by = self._registry.details(bundle).lineage.get("pipeline")
        return made_by if isinstance(made_by, str) and made_by else None

    def _evidence(self, job: Retraining) -> str | None:
        later = [
            each
            for each in self._registry.versions(name=job.name)
            if each.id != job.bundle and each.added > job.scheduled and each.created >= job.scheduled
        ]
        before = self._table(job.bundle)
        return next((each.id for each in later if before is None or self._table(each.id) != before), None)

    def _table(self, bundle: str) -> object:
        inputs = self._registry.details(bundle).lineage.get("inputs")
        return inputs.get(TABLE) if isinstance(inputs, dict) else None
