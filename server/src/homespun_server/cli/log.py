"""``homespun-server log``: the transparency log, and witnesses of it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import decode
from homespun_server.cli.check_table import show_checks
from homespun_server.cli.directory import command_actor, settings_of, store_of
from homespun_server.cli.log_witness import add_witness
from homespun_server.cli.signing import add_directory_option
from homespun_server.compliance.keys import open_compliance_keys, public_compliance_keys
from homespun_server.compliance.log import TransparencyLog, open_log
from homespun_server.compliance.log.checkpoints import refusal_of
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.opening import memory_of
from homespun_server.compliance.log.published import continuation, last_checkpoint, predecessors
from homespun_server.compliance.log.verifying import verify_store
from homespun_server.errors import OutputError


@contextmanager
def _log_of(options: argparse.Namespace) -> Iterator[TransparencyLog]:
    settings = settings_of(options)
    with store_of(options) as store:
        yield open_log(settings, store, open_compliance_keys(settings))


def _status(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    key = public_compliance_keys(settings).log
    public_key = bytes.fromhex(key)
    with store_of(options) as store:
        refusal = refusal_of(store, public_key, Memory(memory_of(settings), public_key))
        last = last_checkpoint(store)
        begun = () if last is None else predecessors(store).verified(public_key)[1]
    if last is None:
        told = "Nothing was signed yet."
    else:
        witnesses = ", ".join(each.name for each in last.signatures[1:]) or "nobody"
        told = f"{last.size:,} entries are signed, with the root {last.root.hex()}. Cosigned by {witnesses}."
    before = "".join(f" It has {each.told()}" for each in begun)
    warning = "" if refusal is None else f" WARNING: {refusal}"
    console.print(f"{told} The log's key is {key}.{before}{warning}", markup=False, highlight=False, soft_wrap=True)


def _entries(options: argparse.Namespace, console: Console) -> None:
    with _log_of(options) as log:
        found = log.entries(after=options.after, limit=options.limit)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("entry", "kind", "added", "leaf", "what it commits to"):
        table.add_column(heading, overflow="fold")
    for each in found:
        content = "forgotten" if each.opening is None else each.opening.content.decode()
        table.add_row(str(each.index), each.kind, each.moment, each.leaf.hex()[:16], content)
    console.print(table)


def _checkpoint(options: argparse.Namespace, console: Console) -> None:
    with _log_of(options) as log:
        if options.add is not None:
            found = log.add_cosignature(_read(options.add))
        else:
            log.catch_up()
            found = log.checkpoint()
    console.out(found.encode().decode(), end="", highlight=False)


def _begin_anew(options: argparse.Namespace, console: Console) -> None:
    given = None if options.last is None else decode(_read(options.last))
    with _log_of(options) as log:
        found = log.begin_anew(options.reason, command_actor("log begin-anew"), given)
    with store_of(options) as store:
        _, begun = predecessors(store).verified(log.public_key)
    told = (
        f"The log is {found.origin} from now on, with {found.size:,} entries. It tells everybody that it has "
        f"{begun[-1].told()} Tell your witnesses: each has to accept it with --begun-anew."
    )
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _prove(options: argparse.Namespace, console: Console) -> None:
    with _log_of(options) as log, store_of(options) as store:
        if options.predecessors:
            content = predecessors(store, options.since).encode() + b"\n"
        elif options.entry is None:
            content = continuation(store, options.since).encode()
        else:
            content = _inclusion(log, options.entry)
    if options.out is None:
        console.out(content.decode(), end="", highlight=False)
        return
    try:
        options.out.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{options.out} cannot be written: {error}.") from error


def _inclusion(log: TransparencyLog, index: int) -> bytes:
    signed = log.checkpoint()
    entry = log.entry(index)
    proof = {
        "schema": 1,
        "index": index,
        "entry": entry.entry.decode(),
        "opening": None
        if entry.opening is None
        else {"salt": entry.opening.salt.hex(), "content": entry.opening.content.decode()},
        "proof": [each.hex() for each in log.inclusion(index, signed.size)],
        "checkpoint": signed.encode().decode(),
    }
    return msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n"


def _verify(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    key = bytes.fromhex(options.log_key or public_compliance_keys(settings).log)
    with store_of(options) as store:
        found = verify_store(store, key, Memory(memory_of(settings), key))
    show_checks(found, console, as_json=options.json)
    if any(each.failed for each in found):
        raise ProofError("the transparency log is not what it was; what is wrong stands above.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "The transparency log: what was done, in order, committed to and signed."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    status = parts.add_parser("status", help="how large it is, and who cosigned it")
    status.set_defaults(run=_status)
    entries = parts.add_parser("entries", help="list entries with what they commit to")
    entries.set_defaults(run=_entries)
    entries.add_argument("--after", type=int, default=-1, metavar="N", help="only those after this one")
    entries.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (100)")
    checkpoint = parts.add_parser("checkpoint", help="append what is missing, sign, and print the checkpoint")
    checkpoint.set_defaults(run=_checkpoint)
    checkpoint.add_argument("--add", type=Path, metavar="FILE", help="keep what a witness gave back instead")
    prove = parts.add_parser("prove", help="that the log continues what a witness saw, or that an entry is in it")
    prove.set_defaults(run=_prove)
    prove.add_argument("--since", type=int, default=0, metavar="SIZE", help="the size that the witness saw (0)")
    prove.add_argument("--predecessors", action="store_true", help="what it says of logs that ended before it, if any")
    prove.add_argument("--entry", type=int, metavar="N", help="prove that this entry is in the log")
    prove.add_argument("--out", type=Path, metavar="FILE", help="write it there (standard output)")
    anew = parts.add_parser(
        "begin-anew",
        help="end the log and begin another one in the open, after a restore lost entries that were signed",
        description="Only where the store is older than the last signed checkpoint and no newer copy is left. The new "
        "log has a name of its own and commits to the last checkpoint of the one that ended; what is lost is told to "
        "everybody. It cannot be undone.",
    )
    anew.set_defaults(run=_begin_anew)
    anew.add_argument("--reason", required=True, help="why; everybody may read it, so name nobody")
    anew.add_argument("--last", type=Path, metavar="FILE", help="the last checkpoint as a witness has it")
    verify = parts.add_parser("verify", help="compute the whole log anew from its entries, and compare")
    verify.set_defaults(run=_verify)
    verify.add_argument("--log-key", metavar="HEX", help="the log's key (as the working directory has it)")
    verify.add_argument("--json", action="store_true", help="JSON rather than a table")
    for each in (status, entries, checkpoint, prove, anew, verify):
        add_directory_option(each)
    add_witness(parts)
