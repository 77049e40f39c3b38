"""What commands that read tables about people do first: erase and set aside again what was, and has come back.

A restore brings people back, and so does the next export of a table. Without the passphrase nobody can say who was
erased or set aside, so nothing is read of tables in a working directory where anybody was.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from homespun_server.cli.directory import command_actor
from homespun_server.cli.signing import Passphrase
from homespun_server.compliance.keys import FILE as KEYS_FILE
from homespun_server.compliance.opening import open_compliance
from homespun_server.compliance.requests.tombstones import are_there
from homespun_server.errors import ReplayError, SigningKeyError
from homespun_server.settings import FILE, PASSPHRASE_VARIABLE, ServerSettings, read_settings
from homespun_server.store import Actor, AuditLog, Store, open_store


def erase_again(settings: ServerSettings, store: Store, actor: Actor, passphrase: Passphrase | None = None) -> None:
    """Erase again in a working directory what was erased there, before its tables are read.

    Args:
        settings: The working directory's settings.
        store: Its store.
        actor: Who reads the tables next.
        passphrase: Gives the keys' passphrase; None: the environment alone does.

    Raises:
        ReplayError: A store cannot be worked on.
        SigningKeyError: People were erased, and nothing opens the keys that say who.
    """
    if not (settings.keys / KEYS_FILE).exists() or not are_there(store, settings.folder):
        return
    if passphrase is not None:
        settings = replace(settings, passphrase=passphrase("compliance keys").decode())
    compliance = open_compliance(settings, store)
    if compliance is None:
        raise SigningKeyError(
            f"people were erased or set aside in {settings.folder}, and without the passphrase of its keys nobody can "
            f"say whether they are back. Nothing was read; set {PASSPHRASE_VARIABLE}."
        )
    try:
        _record(store, actor, compliance.requests.saga.replay())
    except ReplayError as error:
        _record(store, actor, error.again)
        raise


def erase_again_near(options: argparse.Namespace, name: str, table: Path) -> None:
    """Do the same in the working directory that ``--in`` names, and in those that a table lies in.

    Args:
        options: The command's.
        name: The command.
        table: The table that it reads.

    Raises:
        HomespunError: See ``erase_again``; or a working directory's settings or store cannot be used.
    """
    folders = {each.resolve() for each in (options.directory, *table.resolve().parents)}
    for folder in sorted(each for each in folders if (each / FILE).is_file()):
        settings = read_settings(folder)
        if (settings.keys / KEYS_FILE).exists():
            with open_store(settings.store) as store:
                erase_again(settings, store, command_actor(name))


def _record(store: Store, actor: Actor, found: Mapping[str, int]) -> None:
    again = {name: count for name, count in found.items() if count}
    if again:
        AuditLog(store).add(actor, "replay-tombstones", "all", again)
