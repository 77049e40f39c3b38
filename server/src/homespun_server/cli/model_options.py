"""Options of ``fit`` that say what the model is made of, and how its terms are weighed."""

import argparse
from dataclasses import replace
from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.evaluation.protocols import (
    LEAVE_LAST_OUT,
    STRONG,
    TEMPORAL,
    EvaluationProtocol,
    GlobalTemporal,
    LeaveLastOut,
    Liked,
    StrongGeneralization,
)
from homespun_server.learning import FitOptions, Validation
from homespun_server.learning.options import PARTS
from homespun_server.privacy.provenance import Sourced, non_private, public
from homespun_server.statistics.raw import Raw
from homespun_server.training.blend import Blend

_DEFAULTS = FitOptions()
_DAY, _HOUR = 86_400, 3600
_VALIDATION_SHARE = 0.1
_DEEP = 100


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = command.add_argument_group("the model")
    group.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        help="what it is made of (collaborative content; with a blend all that the tables allow)",
    )
    group.add_argument(
        "--model-bytes", type=int, metavar="B", default=_DEFAULTS.model_bytes, help="most bytes of its files (2500000)"
    )
    group.add_argument("--repeats", action="store_true", help="what was chosen before may be recommended again")
    group.add_argument(
        "--context-values",
        nargs="+",
        default=(),
        metavar="COLUMN=VALUE,…",
        help="circumstances to learn from, as in daypart=morning,evening; each also named with --context",
    )
    group.add_argument("--archetypes", type=int, metavar="K", default=0, help="typical tastes to find (0: none)")
    group.add_argument(
        "--half-lives", nargs="+", type=float, metavar="DAYS", help="of what is popular lately (2 14 60)"
    )
    group.add_argument("--as-of", type=int, metavar="TIME", help="when it is for trends, seconds since 1970 (now)")
    group.add_argument(
        "--new-items-every",
        type=int,
        metavar="N",
        default=_DEFAULTS.new_items_every,
        help="every so-manieth place is for an item that nobody was counted with (10; 0: none)",
    )
    weights = command.add_mutually_exclusive_group()
    weights.add_argument(
        "--learn-blend",
        choices=(STRONG, LEAVE_LAST_OUT, TEMPORAL),
        help="learn how terms weigh from the training users, by this protocol; needs --non-private. Writes blend.json",
    )
    group.add_argument(
        "--refreshed-every",
        type=float,
        metavar="HOURS",
        help="how often trends will be refreshed, for --learn-blend temporal (never)",
    )
    weights.add_argument("--blend", type=Path, metavar="FILE", help="a blend.json; it makes the bundle non-private …")
    weights.add_argument("--public-blend", type=Path, metavar="FILE", help="… unless it was learned on public data")


def with_model_options(settings: FitOptions, options: argparse.Namespace) -> FitOptions:
    """Return the settings with what the options say.

    Raises:
        MisuseError: If an option is malformed, or a file is no blend.
    """
    blend, source = _blend(options)
    return replace(
        settings,
        parts=None if options.parts is None else tuple(dict.fromkeys(options.parts)),
        model_bytes=options.model_bytes,
        repeats=options.repeats,
        contexts=tuple(map(_context, options.context_values)),
        archetypes=options.archetypes,
        half_lives=settings.half_lives if options.half_lives is None else _seconds(options.half_lives),
        as_of=options.as_of,
        new_items_every=options.new_items_every,
        blend=blend,
        chosen_by=() if source is None else (source,),
    )


def validation_of(options: argparse.Namespace) -> Validation | None:
    """Return how the blend is to be learned; None: it is not."""
    liked = Liked(options.min_weight)
    protocols: dict[str, EvaluationProtocol] = {
        STRONG: StrongGeneralization(_VALIDATION_SHARE, liked=liked),
        LEAVE_LAST_OUT: LeaveLastOut(repeats=options.repeats, liked=liked),
        TEMPORAL: GlobalTemporal(repeats=options.repeats, liked=liked),
    }
    if options.refreshed_every is not None and options.learn_blend != TEMPORAL:
        raise MisuseError("--refreshed-every says how trends age in --learn-blend temporal; leave it out elsewhere.")
    if options.learn_blend is None:
        return None
    depth = _DEEP if options.learn_blend == STRONG else Validation.depth
    every = None if options.refreshed_every is None else max(round(_HOUR * options.refreshed_every), 1)
    return Validation(protocols[options.learn_blend], depth, refresh=every)


def _blend(options: argparse.Namespace) -> tuple[Blend | None, Sourced[object] | None]:
    """Return the blend of a file, and what it comes from: whoever calls it public is believed, and named."""
    path: Path | None = options.public_blend or options.blend
    if path is None:
        return None, None
    try:
        blend = Blend.from_json(path.read_bytes())
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}. Name the blend.json that a fit wrote.") from error
    if options.public_blend is not None:
        return blend, public(blend, f"the blend {path.name}, declared to be learned on public data")
    if options.epsilon is not None:
        raise MisuseError(
            f"{path} may hold exact figures about people, so a bundle with it has no ε to state. If it was learned on "
            "public data, give it with --public-blend; else leave it out."
        )
    return blend, non_private(Raw(blend), f"the blend {path.name}")


def _context(text: str) -> tuple[str, tuple[str, ...]]:
    feature, separator, values = text.partition("=")
    found = tuple(value for value in values.split(",") if value)
    if not (separator and feature and found):
        raise MisuseError(f"--context-values takes COLUMN=VALUE,VALUE,…; got {text!r}.")
    return feature, found


def _seconds(days: list[float]) -> tuple[int, ...]:
    return tuple(round(_DAY * length) for length in days)
