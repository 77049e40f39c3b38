"""Options of the commands that read an operator's tables."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from homespun.errors import MisuseError
from homespun_server.accounts import Account
from homespun_server.statistics.columns import InteractionColumns, ItemColumns


def add_table_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which column is what, and what to do about bad rows."""
    command.add_argument(
        "--columns",
        nargs="+",
        default=(),
        metavar="ROLE=COLUMN",
        help="which column of INTERACTIONS is what, as in user=customer (user, item, time or timestamp, kind or event, "
        "weight or rating)",
    )
    command.add_argument("--context", nargs="+", default=(), metavar="COLUMN", help="columns with circumstances (none)")
    add_item_columns(command)
    command.add_argument(
        "--attributes",
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="further columns of ITEMS, numbers or text: for content and for the rules of policies (none)",
    )
    command.add_argument(
        "--skip-bad-rows", action="store_true", help="leave rows out that cannot be read, and count them"
    )


def add_item_columns(command: argparse.ArgumentParser) -> None:
    """Add the option that says which column of the catalogue is what."""
    command.add_argument(
        "--item-columns",
        nargs="+",
        default=(),
        metavar="ROLE=COLUMN",
        help="which column of ITEMS is what (item, title, tags or genres, text or description)",
    )


def add_item_titles(command: argparse.ArgumentParser) -> None:
    """Add the options that name a catalogue, for what items are called."""
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the catalogue, for items' titles (the bundle's)")
    command.set_defaults(attributes=())
    add_item_columns(command)


def item_titles(options: argparse.Namespace) -> Mapping[str, str]:
    """Return what the items of the catalogue that was given are called, by id; empty: none was given.

    Raises:
        DataError: It cannot be read.
        MisuseError: If an option is malformed.
    """
    if options.items is None:
        return {}
    # Reading tables takes packages that most of what asks for titles does without.
    from homespun_server.statistics.items import Items  # noqa: PLC0415

    read = Items.read(options.items, item_columns(options))
    return {item: title for item, title in zip(read.ids, read.titles, strict=True) if title != item}


def account_of(options: argparse.Namespace) -> Account | None:
    """Return the ledger that --store and --data-set name; None: no one was named.

    Raises:
        MisuseError: If only half of it is named.
    """
    if (options.store is None) != (options.data_set is None):
        raise MisuseError("--store and --data-set name a budget ledger together; give both, or neither.")
    return None if options.store is None else Account(options.store, options.data_set)


def interaction_columns(options: argparse.Namespace) -> InteractionColumns:
    """Return which column of the interactions is what.

    Raises:
        MisuseError: If an option is malformed.
    """
    mapping = _mapping(options.columns, {"user", "item", "time", "kind", "weight"}, "--columns")
    return msgspec.structs.replace(InteractionColumns(context=tuple(options.context)), **mapping)


def item_columns(options: argparse.Namespace) -> ItemColumns:
    """Return which column of the catalogue is what.

    Raises:
        MisuseError: If an option is malformed.
    """
    mapping = _mapping(options.item_columns, {"item", "title", "tags", "text"}, "--item-columns")
    return msgspec.structs.replace(ItemColumns(attributes=tuple(options.attributes)), **mapping)


def _mapping(pairs: Sequence[str], roles: set[str], option: str) -> dict[str, str | None]:
    """Read ``role=column`` pairs; an empty column leaves an optional role unfilled."""
    mapping: dict[str, str | None] = {}
    for pair in pairs:
        role, separator, column = pair.partition("=")
        if not separator or role not in roles:
            raise MisuseError(f"{option} takes ROLE=COLUMN with a role of {', '.join(sorted(roles))}; got {pair!r}.")
        if not column and role in {"user", "item"}:
            raise MisuseError(f"{option}: {role} needs a column.")
        mapping[role] = column or None
    return mapping
