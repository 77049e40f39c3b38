"""What ``homespun-server task new`` is told: the statistic, the items that it counts, and the parties."""

import argparse
import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.bundle import CATALOGUE
from homespun.protocol.collection.task import Aggregator, Task, parse_task
from homespun.protocol.experiment import parse_experiment
from homespun.protocol.experiment import statistic_of as sums_of
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import Statistic, Universe, universe_of
from homespun_server.errors import DataError
from homespun_server.publishing.tasks import DAY, TaskRequest, decimal_of

KINDS = ("people", "item-counts", "item-trend", "item-pairs", "transitions", "item-context", "repeats", "outcomes")
"""Statistics that options describe; any other one is given as a declaration."""

_WEIGHT = 1024
_MAX_FILE = 1 << 24

T = TypeVar("T")


def read(path: Path, what: str) -> bytes:
    """Return a file that somebody names.

    Raises:
        MisuseError: It cannot be read, or is far too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise MisuseError(f"{what} cannot be read from {path}: {error}.") from error
    if len(raw) > _MAX_FILE:
        raise MisuseError(f"{path} is longer than {_MAX_FILE} bytes; it is not {what}.")
    return raw


def ids_of(path: Path) -> tuple[str, ...]:
    """Return the ids in a file, one a line, or of a bundle's catalogue where it is a folder.

    Raises:
        MisuseError: They cannot be read, or one stands there twice.
    """
    ids = _of_catalogue(path / CATALOGUE) if path.is_dir() else _lines(read(path, "the list of items"))
    if len(set(ids)) < len(ids):
        raise MisuseError(f"an item stands twice in {path}; list each once.")
    return ids


def parsed_task(path: Path) -> tuple[Task, bytes]:
    """Return a task from a file, and its bytes.

    Raises:
        MisuseError: It cannot be read.
        CollectionError: It is none.
    """
    raw = read(path, "the task")
    return parse_task(raw), raw


def aggregator_of(path: Path) -> Aggregator:
    """Return an aggregator as its ``init`` printed it.

    Raises:
        MisuseError: It is none.
    """
    return _decoded(path, Aggregator, "the description of an aggregator")


def statistic_of(options: argparse.Namespace, ids: Sequence[str]) -> Statistic:
    """Return the statistic that the options describe.

    Raises:
        MisuseError: They contradict each other, or something is missing.
        CollectionError: The experiment is none.
    """
    if options.experiment is not None:
        _check_measures(options)
        return sums_of(parse_experiment(read(options.experiment, "the experiment")))
    if options.declaration is not None:
        return _decoded(options.declaration, Statistic, "the declaration of a statistic")
    if options.statistic is None:
        raise MisuseError("say what is asked: --statistic KIND, --declaration FILE or --experiment FILE.")
    universe = universe_of(ids)
    if options.statistic != "people" and not ids:
        raise MisuseError(f"{options.statistic} counts items: name them with --universe.")
    return _DECLARED[options.statistic](options, universe)


def _check_measures(options: argparse.Namespace) -> None:
    if options.declaration is not None or options.statistic is not None:
        raise MisuseError("what a task of an experiment sums follows from its definition; leave the statistic out.")


def request_of(options: argparse.Namespace, statistic: Statistic) -> TaskRequest:
    """Return what is wanted.

    Raises:
        MisuseError: A value is not what it should be.
    """
    return TaskRequest(
        name=options.name,
        statistic=statistic,
        text=options.text,
        purpose=options.purpose if options.experiment is None else "measurement",
        epsilon=decimal_of(options.epsilon),
        delta=decimal_of(options.delta),
        opens=options.opens,
        days=options.days,
        grace_days=options.grace_days,
        minimum_batch=options.minimum,
        max_people=options.max_people,
        delay_hours=options.delay_hours,
        leader=aggregator_of(options.leader),
        helper=aggregator_of(options.helper),
        collector=options.collector,
        events_from=options.events_from,
        events_until=options.events_until,
        experiment=None if options.experiment is None else _digest_of(options.experiment),
        development=options.development,
    )


def moment(text: str) -> int:
    """Return a moment, ISO 8601, in UTC where it names no zone, as seconds since 1970.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write for instance 2031-02-03 or 2031-02-03T12:00"
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _people(_: argparse.Namespace, __: Universe) -> Statistic:
    return standard.people()


def _counts(_: argparse.Namespace, universe: Universe) -> Statistic:
    return standard.item_counts(universe)


def _trend(options: argparse.Namespace, universe: Universe) -> Statistic:
    end = options.opens if options.events_until is None else options.events_until
    edges = [end - DAY * days for days in range(options.trend_days, -1, -1)]
    return standard.item_trend(universe, edges)


def _pairs(options: argparse.Namespace, universe: Universe) -> Statistic:
    weights = [_WEIGHT] * universe.items
    if options.weights is not None:
        weights = _decoded(options.weights, list[int], "the items' weights")
    return standard.item_pairs(universe, weights)


def _transitions(_: argparse.Namespace, universe: Universe) -> Statistic:
    return standard.transitions(universe)


def _context(options: argparse.Namespace, universe: Universe) -> Statistic:
    if not options.feature or not options.values:
        raise MisuseError("item-context needs --feature and --values.")
    return standard.item_context(universe, options.feature, options.values)


def _repeats(_: argparse.Namespace, universe: Universe) -> Statistic:
    return standard.repeats(universe)


def _outcomes(options: argparse.Namespace, universe: Universe) -> Statistic:
    if not options.kinds:
        raise MisuseError("outcomes needs --kinds.")
    return standard.outcomes(universe, options.kinds)


_DECLARED: dict[str, Callable[[argparse.Namespace, Universe], Statistic]] = dict(
    zip(KINDS, (_people, _counts, _trend, _pairs, _transitions, _context, _repeats, _outcomes), strict=True)
)


def _decoded(path: Path, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(read(path, what), type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(f"{path} is not {what}: {error}.") from error


def _digest_of(path: Path) -> str:
    return hashlib.sha256(read(path, "the experiment")).hexdigest()


def _lines(raw: bytes) -> tuple[str, ...]:
    try:
        return tuple(raw.decode().removesuffix("\n").split("\n"))
    except UnicodeDecodeError as error:
        raise MisuseError("the list of items is no text in UTF-8.") from error


def _of_catalogue(path: Path) -> tuple[str, ...]:
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            return tuple(identity for (identity,) in connection.execute("SELECT id FROM items ORDER BY position"))
    except sqlite3.Error as error:
        raise DataError(f"{path} is no catalogue of a bundle: {error}.", path=path) from error
