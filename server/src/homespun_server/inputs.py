"""What a fit or a refresh is given: a table about people, and a catalogue that must be public."""

from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.statistics.columns import ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.problems import Reason

CATALOGUE_TELLS = (
    "a private fit needs the public catalogue, an item a row (items=, --items): a list of items that is taken from "
    "what people used would itself tell of them."
)


def check_nothing_is_ignored(*arguments: object) -> None:
    """Refuse arguments about reading where everything was read before."""
    if any(argument is not None for argument in arguments):
        raise MisuseError(
            "what was read already brings its items and columns; leave items=, the columns and skip_bad_rows= out, or "
            "give the path of the file."
        )


def check_catalogue_is_public(interactions: Interactions, *, private: bool) -> None:
    """Refuse a catalogue that was taken from the interactions, on purpose or by giving the same file twice."""
    items = interactions.items
    read = items.report
    same_file = read is not None and _same_file(Path(read.path), Path(interactions.report.path))
    repeated = read is not None and any(fault.reason is Reason.DUPLICATE_ITEM for fault in read.skipped)
    if private and (items.derived or same_file or repeated):
        raise MisuseError(CATALOGUE_TELLS)


def read_items(items: Items | str | Path, columns: ItemColumns | None, *, skip_bad_rows: bool) -> Items:
    """Read a catalogue, if it was not read before."""
    if isinstance(items, Items):
        check_nothing_is_ignored(columns)
        return items
    return Items.read(items, columns or ItemColumns(), skip_bad_rows=skip_bad_rows)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is gone since it was read
        return one.absolute() == other.absolute()


def silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""
