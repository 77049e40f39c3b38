"""The stages of a registered bundle, and which follows which.

A draft is one that no device ever had; nothing becomes a draft again, because a draft may be deleted. A retired bundle
can come back: that is what a rollback does.
"""

from typing import Literal, get_args

from homespun_server.errors import RegistryError

Stage = Literal["draft", "canary", "production", "retired"]

STAGES: tuple[Stage, ...] = get_args(Stage)

_FOLLOWING: dict[Stage, tuple[Stage, ...]] = {
    "draft": ("canary", "production", "retired"),
    "canary": ("production", "retired"),
    "production": ("retired",),
    "retired": ("canary", "production"),
}


def check_move(before: Stage, after: Stage) -> None:
    """Refuse a move that no bundle may make.

    Raises:
        RegistryError: If it is none.
    """
    if after not in _FOLLOWING[before]:
        raise RegistryError(
            f"a bundle in the stage {before} cannot be moved to {after}, only to {', '.join(_FOLLOWING[before])}."
        )


def stage_on(channel_stage: str, before: Stage) -> Stage:
    """Return the stage of a bundle that is published on a channel: what is in production stays there.

    Args:
        channel_stage: The channel's stage; any but ``production`` counts as a canary.
        before: The bundle's stage so far.
    """
    return "production" if "production" in (channel_stage, before) else "canary"
