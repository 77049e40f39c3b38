"""The policy: one declarative description of how lists are made, in JSON.

It ships in a bundle, or is the application's own.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from homespun.errors import PolicyError
from homespun.protocol.bundle import CONTROL_CHARACTERS
from homespun.protocol.policy.conditions import Days, Name
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import Stage, phase

SCHEMA_VERSION = 1
"""Version of the policy that this package writes and reads."""

MAX_RULES = 1000
MAX_BYTES = 1 << 20
"""Bytes of a policy's JSON."""

MAX_DEPTH = 48
"""Levels of a policy's JSON; each condition within a condition takes two."""

STANDARD_SURFACES = ("home", "similar", "search", "continue")
"""Surfaces that there are whether a policy names them or not."""

_UNUSED = "Nothing of it was used."

StructT = TypeVar("StructT", bound=msgspec.Struct)

Source = Literal["all", "given", "history", "similar"]


class Lifecycle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a person stands, by their events and the time of the request.

    ``onboarding`` with fewer than so many liked items; else ``lapsing`` if the last event is so many days ago; else
    ``returning`` if a silence of so many days ended within the days after; else ``active``.

    Attributes:
        onboarding_below: Distinct liked items.
        silent_days: How long a silence is.
        returning_days: For how long somebody who came back is ``returning``.
    """

    onboarding_below: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 5
    silent_days: Days = 30.0
    returning_days: Days = 7.0


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One place in the application where lists are shown.

    Attributes:
        stages: How its lists are made.
        source: Which items are looked at: ``all`` of the bundle; those that the caller has ``given``; those of the
            person's own ``history``; or all, ordered by being ``similar`` to one item and not by the person's taste.
    """

    stages: Annotated[tuple[Stage, ...], msgspec.Meta(max_length=20)]
    source: Source = "all"

    def __post_init__(self) -> None:
        """Refuse stages that stand twice or in the wrong phase."""
        kinds = [type(stage).__struct_config__.tag for stage in self.stages]
        twice = sorted({str(kind) for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"the stage {twice[0]!r} stands there twice")
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if phase(before) > phase(after):
                first, second = (type(stage).__struct_config__.tag for stage in (after, before))
                raise ValueError(f"the stage {first!r} has to come before {second!r}")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How lists are made.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        name: A name for people.
        surfaces: By name; the standard ones that are not named are as by default.
        rules: In the order in which they act.
        lifecycle: Where a person stands.
    """

    schema: Literal[1]
    name: Name
    surfaces: Annotated[dict[Name, Surface], msgspec.Meta(max_length=100)] = {}
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=MAX_RULES)] = ()
    lifecycle: Lifecycle = Lifecycle()

    def __post_init__(self) -> None:
        """Refuse rules that cannot be told apart, or speak of surfaces that there are not."""
        names = [rule.name for rule in self.rules]
        for number, rule in enumerate(self.rules):
            if names.index(rule.name) != number:
                raise ValueError(f"rules[{number}]: there is a rule called {rule.name!r} before")
            known = (*self.surfaces, *STANDARD_SURFACES)
            unknown = [name for name in rule.surfaces or () if name not in known]
            if unknown:
                raise ValueError(f"rules[{number}].surfaces: there is no surface {unknown[0]!r}")


def parse_policy(given: "bytes | str | dict[str, Any]", what: str = "the policy") -> Policy:
    """Read a policy.

    Args:
        given: JSON, or what JSON would hold.
        what: How it is called in messages.

    Raises:
        PolicyError: It is none; the message names the place in the JSON.
    """
    try:
        raw = msgspec.json.encode(given) if isinstance(given, dict) else given
        if len(raw) > MAX_BYTES:
            raise PolicyError(f"{what} is longer than {MAX_BYTES} bytes; leave rules out.")
        plain = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, TypeError, RecursionError) as error:
        raise PolicyError(f"{what} cannot be used, because it is no JSON: {error}. {_UNUSED}") from error
    _check_texts(plain, what)
    surfaces = plain.get("surfaces") if isinstance(plain, dict) else None
    # Each by itself first, because messages about a mapping's values do not say which.
    for name, surface in surfaces.items() if isinstance(surfaces, dict) else ():
        _converted(surface, Surface, what, f"surfaces.{name}")
    return _converted(plain, Policy, what, "")


def encode_policy(policy: Policy) -> bytes:
    """Return a policy as JSON."""
    return msgspec.json.format(msgspec.json.encode(policy), indent=2) + b"\n"


def policy_identity(policy: Policy) -> str:
    """Return the SHA-256 of a policy, which equal policies share whatever the order of their members."""
    return hashlib.sha256(msgspec.json.encode(policy, order="deterministic")).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of policies."""
    return msgspec.json.schema(Policy)


def _converted(plain: object, kind: type[StructT], what: str, where: str) -> StructT:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        # msgspec says `Expected …, got … - at `$.stages[0].pool``.
        told = re.fullmatch(r"(?P<problem>.*?)(?: - at `\$\.?(?P<place>.*)`)?", str(error), re.DOTALL)
        problem, place = (str(error), "") if told is None else (told["problem"], told["place"] or "")
        full = ".".join(part for part in (where, place) if part)
        raise PolicyError(f"{what} cannot be used: {f'at {full}: ' if full else ''}{problem}. {_UNUSED}") from error


def _check_texts(plain: object, what: str) -> None:
    """Refuse what is nested too deeply to be understood, and texts that could steer a terminal."""
    level, depth = [plain], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise PolicyError(f"{what} is nested more than {MAX_DEPTH} deep; combine fewer conditions. {_UNUSED}")
        text = next((each for each in level if isinstance(each, str) and CONTROL_CHARACTERS.search(each)), None)
        if text is not None:
            raise PolicyError(f"{what} cannot be used: the text {text!r} holds a control character. {_UNUSED}")
        level = [part for each in level for part in _inside(each)]


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()
