"""What the parts of ``homespun-server request`` share."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from homespun_server.cli.directory import settings_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.compliance.opening import Compliance, open_compliance
from homespun_server.compliance.requests.opening import Desk
from homespun_server.errors import SigningKeyError
from homespun_server.settings import PASSPHRASE_VARIABLE
from homespun_server.store import open_store


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Compliance]:
    """Open what compliance works with in the working directory that ``--in`` names.

    Raises:
        SigningKeyError: There are no compliance keys, or no passphrase.
    """
    settings = settings_of(options)
    with open_store(settings.store, create=False) as store:
        compliance = open_compliance(settings, store)
        if compliance is None:
            raise SigningKeyError(
                "requests need the compliance keys; make them with homespun-server compliance init, and set "
                f"{PASSPHRASE_VARIABLE}."
            )
        yield compliance


@contextmanager
def desk_of(options: argparse.Namespace) -> Iterator[Desk]:
    """Open what works on requests there."""
    with opened(options) as compliance:
        yield compliance.requests


def say(console: Console, told: str) -> None:
    """Print a sentence, which a program may read: it is not broken into lines."""
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    """Add a part of the command, which works in a directory."""
    made = parts.add_parser(name, help=what)
    made.set_defaults(run=run)
    add_directory_option(made)
    return made
