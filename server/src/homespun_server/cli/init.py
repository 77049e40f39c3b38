"""``homespun-server init``: make a working directory with a store, keys, a signed repository and a first token."""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from homespun_server.cli.directory import command_actor
from homespun_server.cli.signing import passphrase_of
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.errors import OutputError
from homespun_server.publishing.directory import Passphrase, key_store
from homespun_server.publishing.repository import SignedRepository
from homespun_server.settings import (
    FILE,
    PASSPHRASE_VARIABLE,
    ServerSettings,
    given_passphrase,
    read_settings,
    settings_text,
)
from homespun_server.store import Tokens, open_store

TOKEN_DAYS = 90
"""So long the first token is valid."""

_NEXT = """\
The working directory {folder} is ready.

{variable} opens the keys in keys/. Keep it, and a copy of keys/, where a fire does not take both.
Before anything is real, move the files root-*.key.json and targets-*.key.json from keys/ to something that lies in a
drawer: they are needed only for changes of keys and channels.

The first token, for the role operator and {days} days. It is shown this once:

    {token}

Next:
  homespun-server run pipeline.toml --in {folder}     train, check and publish a bundle
  homespun-server serve --in {folder}                 serve the repository and the API
  homespun-server compliance status --in {folder}     the public keys of receipts and of the transparency log
  Applications ship keys/root.json of this directory: it is public, and what devices trust."""


_WITHOUT_KEYS = """\
The working directory {folder} is ready, and has no keys yet: nothing can be published.

The first token, for the role operator and {days} days. It is shown this once:

    {token}

Next, with those who are to hold a key:
  homespun-server keys init --in {folder} --root-keys 3 --threshold 2 --offline FOLDER (once for each of them)"""


def _init(options: argparse.Namespace, console: Console) -> None:
    folder: Path = options.folder
    stages = tuple(stage.strip() for stage in options.stages.split(","))
    text = settings_text(options.application, stages)
    _check_empty(folder)
    passphrase = None if options.without_keys else passphrase_of(None, given_passphrase(), new=True)
    try:
        token = _make(folder, text, passphrase)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made ({error}); nothing is there. Choose another folder, or let this program write."
        ) from error
    next_steps = _WITHOUT_KEYS if passphrase is None else _NEXT
    told = next_steps.format(folder=folder, variable=PASSPHRASE_VARIABLE, days=TOKEN_DAYS, token=token)
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not an empty folder; it was left alone. Choose another one.")


def _make(folder: Path, text: str, passphrase: Passphrase | None) -> str:
    """Make everything beside its place, then rename it: a directory that is half made is never there."""
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".homespun-init-") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        (made / FILE).write_text(text, encoding="utf-8", newline="\n")
        token = _fill(read_settings(made), passphrase)
        if place.exists():
            place.rmdir()
        made.rename(place)
    return token


def _fill(settings: ServerSettings, passphrase: Passphrase | None) -> str:
    for each in (settings.bundles, settings.work):
        each.mkdir()
    if passphrase is not None:
        SignedRepository.create(settings.repository, key_store(settings, passphrase), channels=settings.channels)
        create_compliance_keys(settings, passphrase("compliance keys"))
    with open_store(settings.store) as store:
        token, _ = Tokens(store).create("operator", days=TOKEN_DAYS, note="the first", actor=command_actor("init"))
    return token


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = "Make a working directory: settings, a store, keys, a signed repository, a first token."
    command.set_defaults(run=_init)
    command.add_argument("folder", type=Path, metavar="DIR", help="where; it must not be there, or be empty")
    command.add_argument("--application", default="films", metavar="NAME", help="the application's name (films)")
    command.add_argument(
        "--stages", default="canary,production", metavar="NAMES", help="its stages (canary,production)"
    )
    command.add_argument(
        "--without-keys", action="store_true", help="make no keys: they are made in a ceremony, with keys init"
    )
