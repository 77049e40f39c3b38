"""``homespun-server keys``: the key ceremony of the signed repository."""

import argparse
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homespun.errors import MisuseError
from homespun_server.cli.signing import add_signing_options, passphrase_of, repository_of, stores
from homespun_server.errors import OutputError
from homespun_server.publishing.repository import Keys, KeyStore, KeyUse, Rotation, SignedRepository, sign_root
from homespun_server.publishing.repository.state import parse_root
from homespun_server.settings import read_settings

MAX_ROOT_BYTES = 512_000
"""Largest root that devices read, in bytes."""


def _init(options: argparse.Namespace, console: Console) -> None:
    settings = read_settings(options.directory)
    online, offline = stores(options, settings, new=True)
    repository = SignedRepository.create(
        settings.repository,
        online,
        channels=options.channel or settings.channels,
        root_keys=options.root_keys,
        threshold=options.threshold,
        offline=offline,
    )
    console.print(_keys_table(repository.keys.show()))
    console.print(
        f"Applications ship {settings.keys / 'root.json'}. Channels: {', '.join(repository.channels())}.",
        markup=False,
        highlight=False,
    )
    if not offline:
        console.print(
            "The keys of root and targets lie beside the online ones: whoever takes this machine can publish for ever. "
            "For a fleet, make them with --offline in a folder that is kept elsewhere.",
            style="yellow",
            highlight=False,
        )


def _show(options: argparse.Namespace, console: Console) -> None:
    console.print(_keys_table(repository_of(options).keys.show()))


def _rotate(options: argparse.Namespace, console: Console) -> None:
    _tell(repository_of(options).keys.rotate(options.role), options, console)


def _revoke(options: argparse.Namespace, console: Console) -> None:
    _tell(repository_of(options).keys.revoke(options.key, replace=not options.no_replacement), options, console)


def _renew(options: argparse.Namespace, console: Console) -> None:
    _tell(repository_of(options).keys.renew(), options, console)


def _add_channel(options: argparse.Namespace, console: Console) -> None:
    repository_of(options).add_channel(options.channel)
    console.print(f"{options.channel} is a channel now, without releases.", markup=False, highlight=False)


def _sign(options: argparse.Namespace, console: Console) -> None:
    keys = Keys(KeyStore(options.keys, passphrase_of(options.passphrase_file, None)))
    raw = _read(options.root)
    console.print(_root_table(raw))
    signed, count = sign_root(raw, keys)
    _write(options.root, signed)
    console.print(f"{count} signatures were added to {options.root}.", markup=False, highlight=False)


def _install(options: argparse.Namespace, console: Console) -> None:
    _tell(repository_of(options).keys.install(_read(options.root)), options, console)


def _tell(rotation: Rotation, options: argparse.Namespace, console: Console) -> None:
    if rotation.root is not None:
        _write(options.out, rotation.root)
        console.print(
            f"Nothing is in force yet: {rotation.missing} signatures are missing. Let the others add theirs to "
            f"{options.out} with keys sign, then run keys install {options.out}.",
            style="yellow",
            markup=False,
            highlight=False,
        )
        return
    added = ", ".join(keyid[:12] for keyid in rotation.added) or "none"
    removed = ", ".join(keyid[:12] for keyid in rotation.removed) or "none"
    console.print(f"In force. New keys: {added}. Trusted no more: {removed}.", highlight=False)


def _keys_table(uses: tuple[KeyUse, ...]) -> Table:
    table = Table(title="Keys", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("role", "key", "must sign", "made"):
        table.add_column(heading, no_wrap=True)
    table.add_column("private half", overflow="fold")
    counts = {use.role: sum(use.role == other.role and other.threshold > 0 for other in uses) for use in uses}
    for use in uses:
        needed = f"{use.threshold} of {counts[use.role]}" if use.threshold else "trusted by nothing"
        where = ", ".join(use.where) or "not here"
        table.add_row(*map(Text, (use.role, use.keyid[:12], needed, use.created[:10], where)))
    return table


def _root_table(raw: bytes) -> Table:
    root = parse_root(raw)
    signed = root.signed
    table = Table(
        title=f"Root {signed.version}, until {signed.expires:%Y-%m-%d}", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading in ("role", "must sign", "keys"):
        table.add_column(heading, overflow="fold")
    for name, role in signed.roles.items():
        keys = ", ".join(f"{keyid[:12]}{' (signed)' if keyid in root.signatures else ''}" for keyid in role.keyids)
        table.add_row(name, f"{role.threshold} of {len(role.keyids)}", keys)
    return table


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_ROOT_BYTES + 1)
    except OSError as error:
        raise MisuseError(f"the root cannot be read from {path}: {error}.") from error
    if len(raw) > MAX_ROOT_BYTES:
        raise MisuseError(f"{path} is longer than {MAX_ROOT_BYTES} bytes; it is no root.")
    return raw


def _write(path: Path, raw: bytes) -> None:
    try:
        path.write_bytes(raw)
    except OSError as error:
        raise OutputError(f"the root cannot be written to {path}: {error}. Name another file with --out.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = (
        "Make, exchange and revoke the keys of the signed repository. Online keys are in the working directory; those "
        "of root and targets belong elsewhere, see --offline."
    )
    parts = command.add_subparsers(required=True, metavar="ACTION")
    initializing = _part(parts, "init", _init, "make all keys, the first root, and a repository without releases")
    initializing.add_argument("--root-keys", type=int, default=1, metavar="N", help="root keys to make (1)")
    initializing.add_argument("--threshold", type=int, default=1, metavar="M", help="so many must sign a root (1)")
    initializing.add_argument(
        "--channel", action="append", metavar="CHANNEL", help="may be given more than once (those of homespun.toml)"
    )
    _part(parts, "show", _show, "show every key, what it signs and where it is")
    rotating = _part(parts, "rotate", _rotate, "replace the keys of a role or a channel by new ones")
    rotating.add_argument(
        "role", metavar="ROLE", help="root, targets, snapshot, timestamp, or for instance films/canary"
    )
    revoking = _part(parts, "revoke", _revoke, "trust a key no more, and sign anew what it had signed")
    revoking.add_argument("key", metavar="KEY", help="how the key begins, as keys show lists it")
    revoking.add_argument("--no-replacement", action="store_true", help="make no new key if enough are left")
    renewing = _part(parts, "renew", _renew, "sign the root anew with the keys that it has, before it expires")
    adding = _part(parts, "add-channel", _add_channel, "make a channel and its key")
    adding.add_argument("channel", metavar="CHANNEL", help="for instance films/beta")
    installing = _part(parts, "install", _install, "put a root in force that several people signed")
    installing.add_argument("root", type=Path, metavar="ROOT", help="the root's file")
    for part in (rotating, revoking, renewing, installing):
        part.add_argument(
            "--out",
            type=Path,
            default=Path("next-root.json"),
            metavar="FILE",
            help="gets the root if signatures are missing (next-root.json)",
        )
    _add_sign(parts)


def _add_sign(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "add the signatures of the keys in a folder to a root; no working directory is needed"
    signing = parts.add_parser("sign", help=what, description=what[0].upper() + what[1:] + ".")
    signing.set_defaults(run=_sign)
    signing.add_argument("root", type=Path, metavar="ROOT", help="the root's file, which is replaced")
    signing.add_argument("--keys", type=Path, required=True, metavar="FOLDER", help="a folder with root keys")
    signing.add_argument("--passphrase-file", metavar="FILE", help="holds the keys' passphrase (it is asked for)")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    add_signing_options(command)
    return command
