"""The option that names a policy; one that cannot be used is refused before anything is read or spent."""

import argparse
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.policy import Policy, parse_policy
from homespun.protocol.policy.policy import MAX_BYTES


def add_policy_option(command: argparse.ArgumentParser, otherwise: str) -> None:
    """Give a command the option.

    Args:
        command: The command.
        otherwise: What holds without it, in a few words.
    """
    command.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help=f"a policy.json: how devices make lists, unless the application has a policy of its own ({otherwise})",
    )


def policy_of(options: argparse.Namespace) -> Policy | None:
    """Return the policy that is named; None if none is.

    Raises:
        PolicyError: If it cannot be used; the message names the place in the JSON.
        MisuseError: If the file cannot be read.
    """
    path: Path | None = options.policy
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)  # one more, by which it is seen to be too long
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}. Name the policy's JSON file.") from error
    return parse_policy(raw, str(path))
