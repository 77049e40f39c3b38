"""``homespun-server explanation``: explain recorded decisions in layers, and make a batch of them again."""

import argparse
import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from homespun.errors import MisuseError, RecordError
from homespun.protocol.policy import parse_policy
from homespun_server.cli.tables import add_item_titles, item_titles
from homespun_server.compliance.explanations.executed import Remaker, opened
from homespun_server.compliance.explanations.exporting import FORMATS
from homespun_server.compliance.explanations.layers import Explained, explained
from homespun_server.compliance.explanations.reading import read_given
from homespun_server.compliance.explanations.verifying import Failure, Sources, verify_batch
from homespun_server.compliance.explanations.words import languages, words_of
from homespun_server.display import progress
from homespun_server.errors import OutputError

_SHOWN = 50
"""Failures that the table shows."""


def _export(options: argparse.Namespace, console: Console) -> None:
    words = words_of(options.language, options.words)
    policies = [parse_policy(raw, "the policy") for raw in _policies(options)]
    with closing(opened(options.bundle)) as bundle:
        remaker = Remaker(bundle, policies, item_titles(options))
        found = [explained(given, remaker, words) for given in read_given(options.records)]
    if not found:
        raise MisuseError(f"{options.records} holds no record, so there is nothing to explain.")
    draw = FORMATS[options.format]
    if options.out.is_dir():
        files = {options.out / f"{_name(each)}.{options.format}": draw([each], words) for each in found}
    else:
        files = {options.out: draw(found, words)}
    for path, content in files.items():
        _write(path, content)
    console.print(
        f"{len(found):,} explained, each made again first: {options.out}", markup=False, highlight=False, soft_wrap=True
    )


def _verify(options: argparse.Namespace, console: Console) -> None:
    sources = Sources(tuple(options.bundle), tuple(_policies(options)))
    with progress(console) as observer:
        found = verify_batch(options.records, sources, processes=options.processes, observer=observer)
    if not found.records:
        raise MisuseError(f"{options.records} holds no record, so nothing was verified.")
    told = f"{found.records:,} lists with {found.items:,} items"
    if found.failures:
        console.print(_failures(found.failures))
        raise RecordError(f"{len(found.failures):,} of {told} did not come out as recorded; the table says why.")
    console.print(f"{told}: every score, part, rank and reason was made again.", markup=False, highlight=False)


def _failures(failures: tuple[Failure, ...]) -> Table:
    rest = len(failures) - _SHOWN
    caption = f"and {rest:,} more" if rest > 0 else None
    table = Table(title="Not as recorded", caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("line", "case or digest", "what is wrong"):
        table.add_column(heading, justify="right" if heading == "line" else "left")
    for failure in failures[:_SHOWN]:
        # Texts of a record are somebody else's: never markup.
        table.add_row(f"{failure.number:,}", _plain(failure.case), _plain(failure.problem))
    return table


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text).replace(
        "[", "\\["
    )


def _name(found: Explained) -> str:
    """Return a file's name that no record can choose."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in found.given.case)[:40]
    return f"{found.given.number:05d}-{kept or found.record.digest[:12]}"


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Name another file with --out.") from error


def _policies(options: argparse.Namespace) -> Iterable[bytes]:
    for path in options.policy:
        try:
            yield path.read_bytes()
        except OSError as error:
            raise MisuseError(f"{path} cannot be read: {error}. Name a policy.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = "Explain recorded decisions in layers (Art. 15(1)(h) GDPR), or make a batch of them again."
    kinds = command.add_subparsers(required=True, metavar="WHAT")
    export = kinds.add_parser("export", help="in plain words, the full record, and the executed counterfactual")
    export.set_defaults(run=_export)
    export.add_argument("records", type=Path, metavar="RECORDS", help="lines of JSON: records, or support cases")
    export.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="the bundle that they were made with")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to; a folder: a file a record")
    export.add_argument("--format", choices=tuple(FORMATS), default="html", help="as what (html)")
    export.add_argument("--language", default="en", metavar="TAG", help=f"of the first layer: {', '.join(languages())}")
    add_item_titles(export)
    export.add_argument("--words", type=Path, metavar="FILE", help="a catalogue of one's own, for another language")
    verify = kinds.add_parser("verify", help="make every list again and compare it; exit status 1 if one is otherwise")
    verify.set_defaults(run=_verify)
    verify.add_argument("records", type=Path, metavar="RECORDS", help="lines of JSON: records, or support cases")
    verify.add_argument(
        "--bundle", type=Path, required=True, action="append", metavar="DIR", help="a bundle; repeatable"
    )
    verify.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="at once (processors)")
    for kind in (export, verify):
        kind.add_argument("--policy", type=Path, action="append", default=[], metavar="FILE", help="a policy beside it")
