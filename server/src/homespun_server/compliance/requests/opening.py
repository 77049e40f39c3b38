"""The data map of a working directory, and what works on requests there."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from homespun_server.compliance.consent.ledger import ConsentLedger
from homespun_server.compliance.consent.subjects import KEY_BYTES, Subjects, secure
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.asking.devices import Devices
from homespun_server.compliance.requests.connectors.leftovers import Leftovers, Steps
from homespun_server.compliance.requests.connectors.records import Aggregation, Course, Logs, Notes
from homespun_server.compliance.requests.connectors.registry import Asked, Models, Releases
from homespun_server.compliance.requests.connectors.subjects import ConsentEvents, LogOpenings, Pseudonyms
from homespun_server.compliance.requests.connectors.tables import SetAside, Table
from homespun_server.compliance.requests.disclosure import Disclosure, disclose
from homespun_server.compliance.requests.explaining import Explaining
from homespun_server.compliance.requests.exporting import Exporter
from homespun_server.compliance.requests.identity import IdentityCheck, registered_check
from homespun_server.compliance.requests.ports import Connector
from homespun_server.compliance.requests.profile import read_profiles
from homespun_server.compliance.requests.requests import Requests
from homespun_server.compliance.requests.retraining import Retrainings
from homespun_server.compliance.requests.rows import Request
from homespun_server.compliance.requests.saga import ErasureSaga
from homespun_server.compliance.requests.tombstones import Tombstones
from homespun_server.errors import RequestError
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, Store
from homespun_server.store.moments import Now, utc_now
from homespun_server.store.schema_consent import consent_events, consent_subjects
from homespun_server.store.schema_log import log_openings


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What works on requests in a working directory.

    Attributes:
        requests: The requests.
        saga: Carries them to the stores.
        exporter: Makes the answers.
        tombstones: The marks of what was erased.
        disclosed: Returns what stays in released statistics and models.
        identity: The operator's own check of identity; None: none is registered.
    """

    requests: Requests
    saga: ErasureSaga
    exporter: Exporter
    tombstones: Tombstones
    disclosed: Callable[[], Disclosure]
    identity: IdentityCheck | None = None

    def identify(self, request: str, offered: Mapping[str, str], actor: Actor, *, seen: int | None = None) -> Request:
        """Have a person's identity settled by the registered check, and record how.

        Args:
            request: The request's id.
            offered: What came with it, by name.
            actor: Who has it checked.
            seen: How many events they had seen; None: not said.

        Raises:
            ConflictError: Somebody else acted meanwhile; nothing was recorded.
            RequestError: It was not settled, nobody waits for it, or no check is registered.
        """
        if self.identity is None:
            raise RequestError(
                "no check of identity is registered here ([compliance] identify). Say how identity was checked, and "
                "where evidence of that is. Nothing was recorded."
            )
        return self.requests.identify(request, self.identity, offered, actor, seen=seen)


def open_desk(
    settings: ServerSettings,
    store: Store,
    keys: ComplianceKeys,
    log: TransparencyLog,
    *,
    now: Now = utc_now,
    temporary: Path | None = None,
) -> Desk:
    """Return what works on requests in a working directory.

    Args:
        settings: The working directory's settings.
        store: Its store, which stays the caller's to close.
        keys: Its compliance keys.
        log: Its transparency log.
        now: Returns the time.
        temporary: Where temporary folders are made; None: where the system makes them.

    Raises:
        SettingsError: A regulation is not there, or says what cannot be.
    """
    subjects, registry = Subjects(store, keys), open_registry(settings, store, now)
    disclosed = partial(disclose, store, registry, now)
    devices = Devices(store, keys, subjects, log, now)
    consents = ConsentLedger(store, keys, log, now)

    def sweep(connection: Connection, subject: str) -> int:
        return consents.erase_within(connection, subject) + log.forget_within(connection, subject)

    connectors: tuple[Connector, ...] = (
        *(Table(settings, each) for each in settings.compliance.tables),
        SetAside(settings),
        Leftovers(temporary or Path(tempfile.gettempdir()), now),
        Steps(settings.work),
        Aggregation(store),
        ConsentEvents(store, consents, _with_events, _people, now),
        LogOpenings(store, log, log_openings.c.subject),
        Notes(store),
        Logs(),
        Course(),
        Releases(disclosed),
        Pseudonyms(store, subjects, _with_keys, _forget, sweep),
        Asked(store, devices),
        Models(disclosed),
    )
    requests = Requests(
        store,
        keys,
        log,
        subjects=subjects,
        profiles=read_profiles(settings),
        connectors=connectors,
        forget_devices=devices.forget_within,
        now=now,
    )
    tombstones = Tombstones(store, keys, settings.folder, now)
    retrainings = Retrainings(store, registry, now)
    return Desk(
        requests=requests,
        saga=ErasureSaga(requests, connectors, tombstones, retrainings, partial(_devices, store, devices)),
        exporter=Exporter(requests, connectors, disclosed, Explaining(settings, store, registry)),
        tombstones=tombstones,
        disclosed=disclosed,
        identity=registered_check(settings.compliance.identify),
    )


def _with_events(connection: Connection) -> Sequence[str]:
    return list(connection.scalars(select(consent_events.c.subject).distinct()))


def _people(connection: Connection) -> Sequence[tuple[str, str]]:
    found = connection.execute(select(consent_subjects.c.lookup, consent_subjects.c.pseudonym))
    return [(row.lookup, row.pseudonym) for row in found]


def _with_keys(connection: Connection) -> Sequence[str]:
    return list(connection.scalars(select(consent_subjects.c.pseudonym)))


def _forget(connection: Connection, pseudonym: str) -> int:
    """Destroy a key that a restore brought back: nobody knows any more what the operator called its person."""
    secure(connection)
    theirs = consent_subjects.c.pseudonym == pseudonym
    connection.execute(update(consent_subjects).where(theirs).values(key=bytes(KEY_BYTES)))
    return connection.execute(delete(consent_subjects).where(theirs)).rowcount


def _devices(store: Store, devices: Devices, subject: str) -> Sequence[str]:
    with store.reading() as connection:
        return [each.device for each in devices.of_within(connection, subject)]
