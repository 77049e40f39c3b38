"""``homespun-server log witness``: a party of its own that cosigns checkpoints. It needs no working directory."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun.errors import MisuseError
from homespun.protocol.checkpoint import Checkpoint, epoch_of
from homespun_server.cli.hexadecimal import key_of
from homespun_server.compliance.log.beginnings import epoch_in
from homespun_server.compliance.log.fetching import fetch_continuation, fetch_predecessors
from homespun_server.compliance.log.published import (
    Continuation,
    Predecessors,
    read_continuation,
    read_predecessors,
)
from homespun_server.compliance.log.witness import Witness, create_witness, open_witness
from homespun_server.errors import OutputError


def _new(options: argparse.Namespace, console: Console) -> None:
    made = create_witness(options.folder, options.name)
    told = f"The witness {made.name} has the key {made.public_key.hex()}. Give it to those who are to rely on it."
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _cosign(options: argparse.Namespace, console: Console) -> None:
    witness = open_witness(options.folder)
    gone = ""
    if options.begun_anew:
        told, last = _told(options, witness), witness.last(options.log_key)
        content = witness.cosign_anew(told, options.log_key).encode()
        gone = "" if last is None else _gone(told, last, options.log_key)
    else:
        content = witness.cosign(_continued(options, witness), options.log_key).encode()
    if options.out is None:
        console.out(content.decode(), end="", highlight=False)
        return
    try:
        options.out.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{options.out} cannot be written: {error}. Cosign again.") from error
    if gone:
        console.print(gone, markup=False, highlight=False, soft_wrap=True)


def _continued(options: argparse.Namespace, witness: Witness) -> Continuation:
    if options.url is None:
        return read_continuation(_read(options.proof))
    last = witness.last(options.log_key)
    return fetch_continuation(options.url, 0 if last is None else last.size)


def _told(options: argparse.Namespace, witness: Witness) -> Predecessors:
    if options.url is None:
        return read_predecessors(_read(options.proof))
    last = witness.last(options.log_key)
    return fetch_predecessors(options.url, 0 if last is None else last.size)


def _gone(told: Predecessors, last: Checkpoint, log_key: bytes) -> str:
    lost = told.lost(last, log_key)
    if not lost:
        return f"All {last.size:,} entries that this witness saw are there."
    return f"Of the {last.size:,} entries that this witness saw, {lost:,} are not shown to be there any more."


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}.") from error


def _predecessors(options: argparse.Namespace, console: Console) -> None:
    witness = open_witness(options.folder)
    told, last = _told(options, witness), witness.last(options.log_key)
    checkpoint, begun = told.verified(options.log_key)
    lines = [f"The log {checkpoint.origin} has {checkpoint.size:,} entries."]
    lines += [f"It has {each.told()}" for each in begun] or ["It has no predecessor."]
    if last is not None:
        lines.append(f"This witness last saw {last.size:,} entries of {last.origin}, with the root {last.root.hex()}.")
        if epoch_of(last, options.log_key) < epoch_in(begun):
            lines.append(_gone(told, last, options.log_key))
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _last(options: argparse.Namespace, console: Console) -> None:
    found = open_witness(options.folder).last(options.log_key)
    told = "It saw nothing of this log yet: 0 entries." if found is None else f"It last saw {found.size} entries."
    console.print(told, markup=False, highlight=False)


def add_witness(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``witness`` with its parts."""
    command = parts.add_parser(
        "witness",
        help="cosign checkpoints that continue what was seen before, as a party of your own",
        description="A witness remembers what it saw of a log, and cosigns only what continues it. It belongs on a "
        "machine of somebody else's than the log's.",
    )
    actions = command.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make a witness's key")
    new.set_defaults(run=_new)
    new.add_argument("--name", required=True, help="its name, for instance witness.example/w1")
    cosign = actions.add_parser("cosign", help="cosign a checkpoint, from a file or from the log's service")
    cosign.set_defaults(run=_cosign)
    cosign.add_argument(
        "--begun-anew", action="store_true", help="accept that the log ended and began anew; read predecessors first"
    )
    told = actions.add_parser("predecessors", help="what a log says of logs that ended before it, checked")
    told.set_defaults(run=_predecessors)
    for each, what in ((cosign, "log prove --since (--predecessors) wrote"), (told, "log prove --predecessors wrote")):
        source = each.add_mutually_exclusive_group(required=True)
        source.add_argument("--proof", type=Path, metavar="FILE", help=f"what {what}")
        source.add_argument("--url", metavar="URL", help="the log's service, https://HOST")
    cosign.add_argument("--out", type=Path, metavar="FILE", help="write the checkpoint there (standard output)")
    last = actions.add_parser("last", help="how much of a log it saw")
    last.set_defaults(run=_last)
    for each in (cosign, told, last):
        each.add_argument("--log-key", type=key_of, required=True, metavar="HEX", help="the log's key")
    for each in (new, cosign, told, last):
        each.add_argument("--folder", type=Path, required=True, metavar="DIR", help="the witness's own folder")
