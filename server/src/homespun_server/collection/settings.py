"""An aggregator's working directory: ``aggregator.toml``, its key, the pairing secret and its store.

``aggregator.toml``, ``key.json``, ``pairing.json`` and ``store.sqlite``; the passphrase and a database's URL come from
the environment (see ``homespun_server.settings``). Leader and helper have a directory each, on machines of different
organisations.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.protocol.destination import origin
from homespun_server.collection.messages import MAX_JOB_REPORTS, Role
from homespun_server.errors import SettingsError
from homespun_server.settings import Count, Seconds, ServiceSettings, given_database, given_passphrase

FILE = "aggregator.toml"
KEY_FILE = "key.json"
PAIRING_FILE = "pairing.json"

DEVELOPMENT = "DEVELOPMENT: both aggregators are run by one party: this protects nobody from that party"
"""What is said everywhere where one party runs leader and helper."""


class AggregationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an aggregator does at once, the table ``[aggregation]``.

    Attributes:
        minimum_batch: A task with a smaller batch is not taken part in, whatever it says.
        job_reports: Most reports of one job.
        job_bytes: Most bytes of one job's reports.
        workers: Jobs that one process works on at once: while the helper works on one, the leader does on another.
        waiting_bytes: Reports that wait may take so many bytes of the store; devices are told to come back then.
        intake_bytes: Uploads that are being read or written may take so many bytes of memory.
        lease_seconds: So long a worker process may take over a job before another one takes it over.
        idle_seconds: How often a worker looks for new reports.
        helper_seconds: So long the helper may take to answer.
    """

    minimum_batch: Count = 2
    job_reports: Annotated[int, Meta(ge=1, le=MAX_JOB_REPORTS)] = MAX_JOB_REPORTS
    job_bytes: Annotated[int, Meta(ge=1, le=1 << 26)] = 1 << 25
    workers: Annotated[int, Meta(ge=1, le=16)] = 2
    waiting_bytes: Count = 20_000_000_000
    intake_bytes: Count = 1 << 27
    lease_seconds: Count = 120
    idle_seconds: Seconds = 1.0
    helper_seconds: Seconds = 600.0


@dataclass(frozen=True)
class AggregatorSettings:
    """What an aggregator works with. Secrets do not show in its representation.

    Attributes:
        folder: The working directory.
        role: ``leader`` or ``helper``.
        name: Who runs it, for people.
        url: Its origin, which devices or the leader reach it by.
        development: Whether one party runs both aggregators.
        store: Path or URL of its store.
        passphrase: Opens its key; None: nobody gave it.
        service: What its HTTP service allows.
        aggregation: What it does at once.
    """

    folder: Path
    role: Role
    name: str
    url: str
    development: bool
    store: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    aggregation: AggregationSettings = field(default_factory=AggregationSettings)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: Literal[1]
    role: Role
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    url: str
    development: bool = False
    service: ServiceSettings = msgspec.field(default_factory=ServiceSettings)
    aggregation: AggregationSettings = msgspec.field(default_factory=AggregationSettings)


def read_aggregator(folder: Path, role: Role, environment: Mapping[str, str] | None = None) -> AggregatorSettings:
    """Read the settings of an aggregator's working directory.

    Args:
        folder: The working directory.
        role: Which aggregator it has to be.
        environment: Variables; None: those of this process.

    Raises:
        SettingsError: If there is no such file, it is the other aggregator's, or it says what cannot be.
    """
    path = folder / FILE
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        url = origin(file.url)
    except FileNotFoundError:
        raise SettingsError(
            f"there is no {FILE} in {folder}, so it is no aggregator's directory. Make one with homespun-server "
            f"{role} init, or name another one with --in."
        ) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeError, msgspec.ValidationError, MisuseError) as error:
        raise SettingsError(f"{path} is not as it should be: {error}. Correct it.") from error
    if file.role != role:
        raise SettingsError(f"{folder} is the directory of a {file.role}; this command is about a {role}.")
    return AggregatorSettings(
        folder=folder,
        role=role,
        name=file.name,
        url=url,
        development=file.development,
        store=given_database(environment) or str(folder / "store.sqlite"),
        passphrase=given_passphrase(environment),
        service=file.service,
        aggregation=file.aggregation,
    )


def aggregator_text(role: Role, name: str, url: str, *, development: bool) -> str:
    """Return a new working directory's settings as a file's text.

    Raises:
        MisuseError: If the address is no origin.
    """
    quoted = msgspec.json.encode(name).decode()
    return _TEXT.format(role=role, name=quoted, url=origin(url), development=str(development).lower())


_TEXT = """\
# A working directory of homespun-server {role}. ServiceSettings and AggregationSettings are the reference.
schema = 1
role = "{role}"
name = {name}
url = "{url}"
# true: one party runs leader and helper, which protects nobody from that party.
development = {development}

# The store is store.sqlite beside this file. For PostgreSQL set HOMESPUN_DATABASE_URL, which may hold a password.

[service]
# A report may have megabytes, and devices slow lines.
request_seconds = 60.0
# anonymous_rate = 5000.0

[aggregation]
# minimum_batch = 100
"""
