"""``homespun-server audit export`` and ``audit verify``: audit bundles. Verifying needs no working directory."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from homespun.errors import MisuseError, ProofError
from homespun_server.cli.check_table import show_checks
from homespun_server.cli.directory import settings_of, store_of
from homespun_server.cli.hexadecimal import key_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.errors import OutputError


def _export(options: argparse.Namespace, console: Console) -> None:
    from homespun_server.compliance.audit import export  # noqa: PLC0415 - the attacks do without
    from homespun_server.compliance.audit.exporting import Wanted  # noqa: PLC0415
    from homespun_server.compliance.keys import open_compliance_keys  # noqa: PLC0415

    settings = settings_of(options)
    keys = open_compliance_keys(settings)
    wanted = Wanted(
        since=options.since,
        explanations=tuple(options.explanations),
        bundle_files=options.bundle_files,
        consents=options.with_consents,
        receipts=tuple(options.receipts),
    )
    with store_of(options) as store:
        raw = export(settings, store, keys, wanted)
    try:
        with options.out.open("xb") as file:
            file.write(raw)
    except OSError as error:
        raise OutputError(f"the audit bundle cannot be written to {options.out}: {error}.") from error
    told = (
        f"{options.out}: {len(raw):,} bytes. Give it to the auditor, and on another way the keys: --log-key "
        f"{keys.log_key} --receipts-key {keys.receipts_key}"
    )
    if options.with_consents or options.receipts:
        told += ". It has choices of people under pseudonyms, which are personal data: nobody else gets it"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _verify(options: argparse.Namespace, console: Console) -> None:
    from homespun_server.compliance.audit import Pins, verify  # noqa: PLC0415 - the attacks do without

    pins = Pins(
        log=options.log_key,
        receipts=options.receipts_key,
        root=None if options.root is None else _read(options.root),
        witnesses=dict(options.witness),
    )
    found = verify(_read(options.bundle), pins)
    show_checks(found, console, as_json=options.json)
    failed = [each.name for each in found if each.failed]
    if failed:
        raise ProofError(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}. Do not rely on it.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}.") from error


def _day(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2025-01-31") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _witness(text: str) -> tuple[str, bytes]:
    name, _, key = text.partition("=")
    return name, key_of(key)


def add_bundles(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``export`` and ``verify``."""
    export = kinds.add_parser("export", help="write everything that is claimed into one file for an auditor")
    export.set_defaults(run=_export)
    export.add_argument("--since", type=_day, required=True, metavar="DATE", help="since when (UTC)")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file; it must not be there yet")
    export.add_argument(
        "--explanations", type=Path, nargs="+", default=[], metavar="FILE", help="explanation records to make again"
    )
    export.add_argument("--bundle-files", action="store_true", help="with all files of every bundle")
    export.add_argument(
        "--with-consents", action="store_true", help="with every consent event, under pseudonyms: personal data"
    )
    export.add_argument(
        "--receipts",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="receipts of consents that people handed over",
    )
    add_directory_option(export)
    verify = kinds.add_parser(
        "verify",
        help="check an audit bundle, with no network and no database",
        description="Check an audit bundle with no network and no database. Keys that are not pinned are taken from "
        "the bundle, which then vouches for itself. Exit status 1 if anything does not fit.",
    )
    verify.set_defaults(run=_verify)
    verify.add_argument("bundle", type=Path, metavar="FILE", help="the audit bundle")
    verify.add_argument("--log-key", type=key_of, metavar="HEX", help="the log's key")
    verify.add_argument("--receipts-key", type=key_of, metavar="HEX", help="the key of receipts")
    verify.add_argument("--root", type=Path, metavar="FILE", help="the root of the signed repository")
    verify.add_argument(
        "--witness", type=_witness, action="append", default=[], metavar="NAME=HEX", help="a witness; may be repeated"
    )
    verify.add_argument("--json", action="store_true", help="JSON rather than a table")
