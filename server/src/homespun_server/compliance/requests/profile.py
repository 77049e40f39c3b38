"""Regulations as data: which requests there are, until when they are answered, and why they may be refused.

Two profiles are shipped; a further one is a file that the settings name. A request keeps the profile that it was
opened under, so that a changed file changes no request that is open.

Non-goal: to know the law. A profile says what its author took from it, with the place.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from homespun_server.compliance.requests.calendar import Calendar, Term
from homespun_server.errors import SettingsError
from homespun_server.settings import ServerSettings

Kind = Literal[
    "access", "portability", "rectification", "erasure", "restriction", "objection", "explanation", "opt-out"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

SHIPPED = ("gdpr", "ccpa")

Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when.

    Attributes:
        answer: From receipt to the answer.
        extension: By how much that may be extended, once; None: it may not.
        confirmation: From receipt until receipt is confirmed; None: nothing is said.
        told_of_extension: What the person is told of an extension, and when.
    """

    answer: Term
    extension: Term | None = None
    confirmation: Term | None = None
    told_of_extension: Text = "The person is told before the first term ends."


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes for every request.

    Attributes:
        cost: What it costs the person.
        refusal: What a person is told whose request is refused.
    """

    cost: Text
    refusal: Text


class KindRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes for requests of a kind.

    Attributes:
        source: Where the right is written down.
        told: What the person is told that will happen.
        identity: Whether the person's identity is checked first.
        confirm: Whether receipt is to be confirmed, where the profile has a term for that.
        extendable: Whether the answer may be extended.
        pending: Whether it may be closed while devices have not answered; it is then called so, and never done.
        answer: Another term than the profile's; None: the same.
    """

    source: Text
    told: Text
    identity: bool = True
    confirm: bool = True
    extendable: bool = True
    pending: bool = False
    answer: Term | None = None


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A regulation.

    Attributes:
        schema: Version of the file.
        name: What requests name it by.
        title: Its title.
        applies: To whom.
        calendar: Which days are days off, and where.
        terms: Until when.
        notice: What people are told.
        refusals: For which reasons a request may be refused, in words, by name.
        kinds: The requests that there are.
    """

    schema: Literal[1]
    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}\Z")]
    title: Text
    applies: Text
    calendar: Calendar
    terms: Terms
    notice: Notice
    refusals: Annotated[dict[str, Text], Meta(min_length=1)]
    kinds: Annotated[dict[Kind, KindRules], Meta(min_length=1)]

    def rules(self, kind: Kind) -> "Rules":
        """Return what goes for one kind of request.

        Raises:
            SettingsError: The regulation has no such right.
        """
        found = self.kinds.get(kind)
        if found is None:
            raise SettingsError(
                f"{self.title} has no request of the kind {kind}; it has {', '.join(sorted(self.kinds))}. Open it as "
                "one of these, or under another regulation."
            )
        return Rules(
            regulation=self.name,
            title=self.title,
            kind=kind,
            calendar=self.calendar,
            answer=found.answer or self.terms.answer,
            extension=self.terms.extension if found.extendable else None,
            confirmation=self.terms.confirmation if found.confirm else None,
            identity=found.identity,
            pending=found.pending,
            source=found.source,
            told={
                "what": found.told,
                "cost": self.notice.cost,
                "refusal": self.notice.refusal,
                "extension": self.terms.told_of_extension,
            },
            refusals=self.refusals,
        )


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes for one request; kept with it as it was when it was opened.

    Attributes:
        schema: Version of what is kept.
        regulation: The profile's name.
        title: Its title.
        kind: The kind of request.
        calendar: Which days are days off, and where.
        answer: From receipt to the answer.
        extension: By how much that may be extended, once; None: it may not.
        confirmation: From receipt until receipt is confirmed; None: nothing is said.
        identity: Whether the person's identity is checked first.
        pending: Whether it may be closed while devices have not answered.
        source: Where the right is written down.
        told: What the person is told: ``what``, ``cost``, ``refusal``, ``extension``.
        refusals: For which reasons it may be refused, in words, by name.
    """

    schema: Literal[1] = 1
    regulation: str
    title: str
    kind: Kind
    calendar: Calendar
    answer: Term
    extension: Term | None
    confirmation: Term | None
    identity: bool
    pending: bool
    source: str
    told: dict[str, str]
    refusals: dict[str, str]


def read_profiles(settings: ServerSettings) -> dict[str, Profile]:
    """Return the profiles that requests may be made under, by name.

    Raises:
        SettingsError: A profile is not there, or says what cannot be.
    """
    asked = settings.compliance
    found = [shipped(name) for name in asked.regulations if name in SHIPPED]
    further = [_parsed(_text(settings.folder / name), name) for name in asked.regulation_files]
    by_name = {each.name: each for each in (*found, *further)}
    missing = [name for name in asked.regulations if name not in by_name]
    if missing or len(by_name) != len(found) + len(further):
        raise SettingsError(
            f"compliance.regulations: {', '.join(missing) or 'two profiles'} "
            f"{'is in no file' if missing else 'have one name'}. Shipped are {', '.join(SHIPPED)}; name further files "
            "in compliance.regulation_files, each with a name of its own."
        )
    return by_name


def shipped(name: str) -> Profile:
    """Return a profile that is part of this package."""
    text = files("homespun_server.compliance.requests.regulations").joinpath(f"{name}.toml").read_text("utf-8")
    return _parsed(text, name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"the regulation {path} cannot be read: {error}. Correct the settings.") from error


def _parsed(text: str, name: str) -> Profile:
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
        ZoneInfo(profile.calendar.zone)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"the regulation {name} is not as it should be: {error}. Correct the file.") from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"the regulation {name} counts days in a time zone that this system does not know: {error}. Install the "
            "time zones (the package tzdata), or correct the file."
        ) from error
    return profile
