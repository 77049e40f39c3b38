"""``homespun-server tokens``: make, list and revoke the tokens of the HTTP service."""

import argparse

from rich import box
from rich.console import Console
from rich.table import Table

from homespun_server.cli.directory import command_actor, store_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.store.tokens import ID_BYTES, MAX_DAYS, ROLES, Token, Tokens

DAYS = 365
"""So long a token is valid unless told otherwise."""


def _create(options: argparse.Namespace, console: Console) -> None:
    with store_of(options) as store:
        secret, token = Tokens(store).create(
            options.role, days=options.days, note=options.note, actor=command_actor("tokens create")
        )
    told = f"The token {token.id}, for the role {token.role}, until {token.expires}. It is shown this once:"
    console.print(f"{told}\n\n    {secret}", markup=False, highlight=False, soft_wrap=True)


def _list(options: argparse.Namespace, console: Console) -> None:
    with store_of(options) as store:
        found = Tokens(store).tokens()
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("token", min_width=2 * ID_BYTES)
    for heading in ("role", "expires", "revoked", "last used", "note"):
        table.add_column(heading, overflow="fold")
    for token in found:
        table.add_row(*_cells(token))
    console.print(table)


def _revoke(options: argparse.Namespace, console: Console) -> None:
    with store_of(options) as store:
        token = Tokens(store).revoke(options.token, command_actor("tokens revoke"))
    console.print(f"The token {token.id} is refused since {token.revoked}.", markup=False, highlight=False)


def _cells(token: Token) -> tuple[str, ...]:
    return token.id, token.role, token.expires[:10], (token.revoked or "–")[:10], token.last_used or "never", token.note


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {MAX_DAYS}")
    return int(text)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its three parts."""
    command.description = "Tokens of the HTTP service: 256 random bits, for a role, kept as their hash."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    creating = parts.add_parser("create", help="make a token and show it once")
    creating.set_defaults(run=_create)
    creating.add_argument("--role", choices=ROLES, required=True, help="what it may do")
    creating.add_argument("--days", type=_days, default=DAYS, metavar="N", help=f"how long it is valid ({DAYS})")
    creating.add_argument("--note", default="", help="what it is for")
    listing = parts.add_parser("list", help="list the tokens, without themselves")
    listing.set_defaults(run=_list)
    revoking = parts.add_parser("revoke", help="refuse a token from now on")
    revoking.set_defaults(run=_revoke)
    revoking.add_argument("token", metavar="NAME", help="as tokens list names it")
    for each in (creating, listing, revoking):
        add_directory_option(each)
