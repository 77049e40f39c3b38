"""``homespun verify``: makes recorded lists again from records and a bundle."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from homespun.cli.opening import bundle_of, read_bytes
from homespun.cli.output import say
from homespun.errors import MisuseError, RecordError
from homespun.explain.verifying import Verifier
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.protocol.policy import parse_policy
from homespun.protocol.records import ExplanationRecord, parse_record

_MOST_ITEMS = 1_000_000


def verify(options: argparse.Namespace) -> None:
    """Make every list again.

    Raises:
        RecordError: One does not come out as it was recorded.
    """
    with closing(bundle_of(options)) as bundle:
        policies = [parse_policy(read_bytes(path), str(path)) for path in options.policy]
        verifier = Verifier(_with_items(bundle, options.items), policies)
        lists = items = bad = 0
        for checked in verifier.checked(_records(options.records)):
            lists += 1
            items += len(checked.record.items)
            if checked.problem is not None:
                bad += 1
                say(f"record {checked.number}: {checked.problem}")
    told = f"{_counted(lists, 'list')} with {_counted(items, 'item')}"
    if bad:
        raise RecordError(f"{bad:,} of {told} did not come out as recorded; what is wrong stands above.")
    if not lists:
        raise MisuseError(f"{options.records} holds no record, so nothing was verified.")
    say(f"{told}: every score, part, rank and reason was made again from {bundle.manifest.name} ({bundle.id[:12]}).")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _records(path: Path) -> Iterator[ExplanationRecord]:
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield parse_record(line)
        except msgspec.MsgspecError as error:
            raise RecordError(f"line {number} of {path} is no explanation record: {error}.") from error


def _with_items(bundle: Bundle, path: Path | None) -> Bundle:
    if path is None:
        return bundle
    try:
        given = json.loads(read_bytes(path))
    except ValueError as error:
        raise MisuseError(f"{path} is no JSON: {error}; give a list of items, as items.update takes them.") from error
    items = Items(bundle, _MOST_ITEMS)
    items.update(given)
    return items.view
