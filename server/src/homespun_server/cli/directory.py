"""What the commands that work in a working directory open there."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from homespun_server.settings import ServerSettings, read_settings
from homespun_server.store import Actor, Store, open_store
from homespun_server.store.audit import COMMAND


def settings_of(options: argparse.Namespace) -> ServerSettings:
    """Return the settings of the working directory that --in names.

    Raises:
        SettingsError: If it is none.
    """
    return read_settings(options.directory)


@contextmanager
def store_of(options: argparse.Namespace) -> Iterator[Store]:
    """Open the store of the working directory that --in names, while the context lasts.

    Raises:
        SettingsError: If it is none.
        StoreError: If the store cannot be opened.
    """
    with open_store(settings_of(options).store, create=False) as store:
        yield store


def command_actor(name: str) -> Actor:
    """Return who acts for the record of changes, where a command does."""
    return Actor(f"command {name}", COMMAND)
