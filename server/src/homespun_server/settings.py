"""The server's settings: ``homespun.toml`` in the working directory, and the environment. Nothing else reads either.

The environment is for what must not lie in a file beside others: the passphrase of the keys, and a database's URL,
which may hold a password. What both name, the environment decides.

Working directory: ``homespun.toml``, ``store.sqlite``, ``keys/``, ``repository/``, ``bundles/`` and ``work/``.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from homespun.errors import ChannelError
from homespun.protocol.channel import check_channel_name
from homespun_server.errors import SettingsError

FILE = "homespun.toml"
"""The settings' name in the working directory."""

SCHEMA_VERSION = 1
"""Version of the file that this program writes and reads."""

DATABASE_VARIABLE = "HOMESPUN_DATABASE_URL"
PASSPHRASE_VARIABLE = "HOMESPUN_KEY_PASSPHRASE"  # noqa: S105 - the variable's name

Rate = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the HTTP service allows, the table ``[service]``.

    Attributes:
        token_rate: Requests a second that a token may make for long.
        token_burst: Requests that it may make at once after a pause.
        anonymous_rate: Requests without a token that everybody together may make a second for long.
        anonymous_burst: Such requests at once after a pause.
        intake_rate: Requests that people's devices and browsers together may make to the intake a second for long.
        intake_burst: Such requests at once after a pause.
        max_body: Largest body of a request, bytes.
        max_header: Largest line and headers of a request, bytes.
        request_seconds: Within so many seconds of its start a request must have arrived whole.
        send_seconds: So long a client may read nothing of an answer.
        idle_seconds: So long a connection may stay open between requests.
        connections: Connections at once; further ones are told to come back.
        shutdown_seconds: So long requests in flight may take when the service is stopped.
        cache_bytes: Memory for small files of the repository.
        renew_seconds: How often the service looks whether the repository's timestamp is to be signed anew.
        ready_seconds: The service is not ready if a role of the repository expires sooner than this.
    """

    token_rate: Rate = 100.0
    token_burst: Count = 200
    anonymous_rate: Rate = 5_000.0
    anonymous_burst: Count = 10_000
    intake_rate: Rate = 200.0
    intake_burst: Count = 2_000
    max_body: Count = 1 << 16
    max_header: Count = 1 << 14
    request_seconds: Seconds = 10.0
    send_seconds: Seconds = 60.0
    idle_seconds: Count = 15
    connections: Count = 1_000
    shutdown_seconds: Count = 30
    cache_bytes: Annotated[int, Meta(ge=0)] = 1 << 26
    renew_seconds: Seconds = 600.0
    ready_seconds: Annotated[float, Meta(ge=0)] = 3_600.0


class ControllerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who decides about the processing, the table ``[compliance.controller]``.

    Attributes:
        name: The organisation's name.
        address: Its postal address.
        contact: How people reach it, for instance a mail address.
        officer: How people reach the data protection officer; empty: there is none.
        representative: The representative in the Union (GDPR Art. 27); empty: none is needed.
        jurisdictions: Where it processes, by ISO 3166 codes, for instance ``DE`` or ``US-CA``.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    address: Annotated[str, Meta(min_length=1, max_length=500)]
    contact: Annotated[str, Meta(min_length=1, max_length=200)]
    officer: Annotated[str, Meta(max_length=200)] = ""
    representative: Annotated[str, Meta(max_length=500)] = ""
    jurisdictions: Annotated[tuple[str, ...], Meta(min_length=1)] = ("EU",)


class TableSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of interactions that the operator holds, one of ``[[compliance.tables]]``.

    Attributes:
        path: CSV or Parquet, in the working directory or absolute.
        user: The column that names the person.
        what: What it holds, in plain words.
        time: The column that says when a row was made: ISO 8601, or seconds since 1970; empty: none does. A person who
            comes back after an erasure keeps newer rows when a restore is erased again.
        keep_days: After so many days a row is no longer needed.
    """

    path: Annotated[str, Meta(min_length=1)]
    user: Annotated[str, Meta(min_length=1)] = "user"
    what: Annotated[str, Meta(min_length=1, max_length=500)] = "interactions of people with items"
    time: str = ""
    keep_days: Count = 365


class ComplianceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What compliance works with, the table ``[compliance]``.

    Attributes:
        controller: Who decides about the processing; None: documents cannot be made.
        regulations: The profiles that requests may be made under, by name.
        regulation_files: Further profiles, as files in the working directory.
        tables: The tables of interactions that the operator holds.
        gpc: Whether the service honours Global Privacy Control and says so.
        identify: The operator's own check of people's identity, ``module:name``; empty: officers record how they
            checked. See ``compliance/requests/identity.py``.
    """

    controller: ControllerSettings | None = None
    regulations: tuple[str, ...] = ("gdpr", "ccpa")
    regulation_files: tuple[str, ...] = ()
    tables: tuple[TableSettings, ...] = ()
    gpc: bool = True
    identify: Annotated[str, Meta(pattern=r"^([A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*)?\Z")] = ""


@dataclass(frozen=True)
class ServerSettings:
    """What a server works with. Secrets do not show in its representation.

    Attributes:
        folder: The working directory.
        application: The application whose bundles are published here.
        stages: Its channels' stages, from the one that gets bundles first.
        database: The store: a path, or a URL.
        passphrase: Opens the keys in ``keys/``; None: nobody gave it, and nothing can be signed.
        service: What the HTTP service allows.
        compliance: What compliance works with.
    """

    folder: Path
    application: str
    stages: tuple[str, ...] = ("canary", "production")
    database: str = field(default="", repr=False)
    passphrase: str | None = field(default=None, repr=False)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    compliance: ComplianceSettings = field(default_factory=ComplianceSettings)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels, in the order of their stages."""
        return tuple(f"{self.application}/{stage}" for stage in self.stages)

    @property
    def store(self) -> str:
        """Path or URL of the store."""
        return self.database or str(self.folder / "store.sqlite")

    @property
    def keys(self) -> Path:
        """The folder of the encrypted private keys."""
        return self.folder / "keys"

    @property
    def repository(self) -> Path:
        """The folder of the signed repository's files."""
        return self.folder / "repository"

    @property
    def bundles(self) -> Path:
        """The folder of the registry's bundles."""
        return self.folder / "bundles"

    @property
    def work(self) -> Path:
        """The folder of what the pipeline keeps between runs."""
        return self.folder / "work"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: int
    application: str
    stages: Annotated[tuple[str, ...], Meta(min_length=1, max_length=10)]
    database: str = ""
    service: ServiceSettings = msgspec.field(default_factory=ServiceSettings)
    compliance: ComplianceSettings = msgspec.field(default_factory=ComplianceSettings)


def read_settings(folder: Path, environment: Mapping[str, str] | None = None) -> ServerSettings:
    """Read the settings of a working directory.

    Args:
        folder: The working directory, which ``homespun-server init`` made.
        environment: Variables; None: those of this process.

    Raises:
        SettingsError: If there is no such file, or it says what cannot be.
    """
    variables = os.environ if environment is None else environment
    path = folder / FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"there is no {FILE} in {folder}, so it is no working directory. Make one with homespun-server init, or "
            "name another one with --in."
        ) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Correct it.") from error
    return _settings(folder, _parsed(content, path), variables)


def given_passphrase(environment: Mapping[str, str] | None = None) -> str | None:
    """Return the keys' passphrase where there is no working directory yet; None: nobody gave it.

    Args:
        environment: Variables; None: those of this process.
    """
    variables = os.environ if environment is None else environment
    return variables.get(PASSPHRASE_VARIABLE) or None


def given_database(environment: Mapping[str, str] | None = None) -> str | None:
    """Return the store's URL where there is no ``homespun.toml``; None: nobody gave one.

    Args:
        environment: Variables; None: those of this process.
    """
    variables = os.environ if environment is None else environment
    return variables.get(DATABASE_VARIABLE) or None


def environment_with(passphrase: str) -> dict[str, str]:
    """Return this process's environment with another passphrase, for a program that is started; no database's URL."""
    kept = {name: value for name, value in os.environ.items() if name != DATABASE_VARIABLE}
    return {**kept, PASSPHRASE_VARIABLE: passphrase}


def settings_text(application: str, stages: tuple[str, ...]) -> str:
    """Return a new working directory's settings as a file's text.

    Raises:
        SettingsError: If a name is none that channels can have.
    """
    _check_names(application, stages, "the options")
    listed = ", ".join(f'"{stage}"' for stage in stages)
    return _TEXT.format(schema=SCHEMA_VERSION, application=application, stages=listed)


def _parsed(content: dict[str, object], path: Path) -> _File:
    if content.get("schema") != SCHEMA_VERSION:
        raise SettingsError(
            f"{path} has the schema {content.get('schema')!r}, and this homespun-server reads {SCHEMA_VERSION}. Use "
            "the program that wrote it, or make a new working directory."
        )
    try:
        return msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path} is not as it should be: {error}. Correct it.") from error


def _settings(folder: Path, file: _File, variables: Mapping[str, str]) -> ServerSettings:
    _check_names(file.application, file.stages, str(folder / FILE))
    return ServerSettings(
        folder=folder,
        application=file.application,
        stages=file.stages,
        database=variables.get(DATABASE_VARIABLE) or file.database,
        passphrase=variables.get(PASSPHRASE_VARIABLE) or None,
        service=file.service,
        compliance=file.compliance,
    )


def _check_names(application: str, stages: tuple[str, ...], where: str) -> None:
    try:
        for stage in stages:
            check_channel_name(f"{application}/{stage}")
    except ChannelError as error:
        raise SettingsError(f"{where}: {error}") from error
    if not stages or len(set(stages)) != len(stages):
        raise SettingsError(f"{where}: stages are named once each, and there is at least one; got {list(stages)}.")


_TEXT = """\
# A working directory of homespun-server. The reference of these settings is ServiceSettings in its documentation.
schema = {schema}
application = "{application}"
# Where a bundle goes first, then where it goes next.
stages = [{stages}]

# The store is store.sqlite beside this file. For PostgreSQL set HOMESPUN_DATABASE_URL, which may hold a password:
# postgresql://USER@HOST/DATABASE

[service]
# token_rate = 100.0
# anonymous_rate = 5000.0

# Who decides about the processing; documents and consent records name it.
# [compliance.controller]
# name = "Films Ltd"
# address = "1 Example Street, Example"
# contact = "privacy@example.org"
"""
