"""``homespun-server console``: who may sign in to the pages of the service."""

import argparse
import getpass
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from homespun.errors import MisuseError
from homespun_server.cli.directory import command_actor, store_of
from homespun_server.cli.signing import MAX_PASSPHRASE_FILE, add_directory_option
from homespun_server.console.accounts import Account, Accounts
from homespun_server.console.passwords import MIN_CHARACTERS, check_password
from homespun_server.store.tokens import ROLES


def _create(options: argparse.Namespace, console: Console) -> None:
    password = _password(options)
    with store_of(options) as store:
        made = Accounts(store).create(options.name, options.role, password, command_actor("console account create"))
    _say(console, f"The account {made.name}, for the role {made.role}, may sign in at /console/ of the service.")


def _list(options: argparse.Namespace, console: Console) -> None:
    with store_of(options) as store:
        found = Accounts(store).accounts()
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("account", "role", "created", "password set", "disabled"):
        table.add_column(heading, overflow="fold")
    for account in found:
        table.add_row(*_cells(account))
    console.print(table)


def _disable(options: argparse.Namespace, console: Console) -> None:
    with store_of(options) as store:
        Accounts(store).disable(options.name, command_actor("console account disable"))
    _say(console, f"The account {options.name} may not sign in any more, and is signed out everywhere.")


def _set_password(options: argparse.Namespace, console: Console) -> None:
    password = _password(options)
    with store_of(options) as store:
        Accounts(store).set_password(options.name, password, command_actor("console account password"))
    _say(console, f"The account {options.name} has another password, may sign in, and is signed out everywhere.")


def _cells(account: Account) -> tuple[str, ...]:
    return account.name, account.role, account.created[:10], account.changed[:10], (account.disabled or "–")[:10]


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _password(options: argparse.Namespace) -> str:
    """Return the password that a file holds, or that is typed twice.

    Raises:
        MisuseError: If there is none, or it is too short.
    """
    password = _typed() if options.password_file is None else _read(options.password_file)
    check_password(password)
    return password


def _typed() -> str:
    if not sys.stdin.isatty():
        raise MisuseError("there is no terminal to ask for the password; name a file with --password-file.")
    given = getpass.getpass(f"Password, at least {MIN_CHARACTERS} characters: ")
    if getpass.getpass("The same again: ") != given:
        raise MisuseError("the two passwords differ; nothing was changed.")
    return given


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PASSPHRASE_FILE).decode().rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise MisuseError(f"the password cannot be read from {path}: {error}.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "The pages of the service, under /console/, and who may sign in to them."
    things = command.add_subparsers(required=True, metavar="THING")
    account = things.add_parser("account", help="who may sign in", description="Who may sign in, and as what.")
    parts = account.add_subparsers(required=True, metavar="ACTION")
    creating = parts.add_parser("create", help="make an account")
    creating.set_defaults(run=_create)
    creating.add_argument("--role", choices=ROLES, required=True, help="what it may do")
    listing = parts.add_parser("list", help="list the accounts")
    listing.set_defaults(run=_list)
    disabling = parts.add_parser("disable", help="let an account in no more")
    disabling.set_defaults(run=_disable)
    setting = parts.add_parser("password", help="give an account another password")
    setting.set_defaults(run=_set_password)
    for each in (creating, disabling, setting):
        each.add_argument("name", metavar="NAME", help="the account's name")
    for each in (creating, setting):
        each.add_argument("--password-file", type=Path, metavar="FILE", help="holds the password (it is asked for)")
    for each in (creating, listing, disabling, setting):
        add_directory_option(each)
