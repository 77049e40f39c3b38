"""``homespun-server document``: documents from what is declared, published and set."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun_server.cli.directory import settings_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.compliance.documents.blocks import fields_of
from homespun_server.compliance.documents.gathering import gather
from homespun_server.compliance.documents.making import DOCUMENTS, TITLES
from homespun_server.compliance.documents.rendering import FORMATS
from homespun_server.errors import OutputError
from homespun_server.store import open_store


def _make(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    with open_store(settings.store, create=False) as store:
        document = DOCUMENTS[options.kind](gather(settings, store, options.bundle))
    path = options.out or Path(f"{options.kind}.{options.format}")
    try:
        path.write_bytes(FORMATS[options.format](document))
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Name another file with --out.") from error
    open_fields = len(fields_of(document))
    rest = f" {open_fields} fields are for the controller to fill in." if open_fields else ""
    console.print(f"{document.title}: {path}.{rest}", markup=False, highlight=False, soft_wrap=True)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    listed = "; ".join(f"{name}: {title}" for name, title in TITLES.items())
    command.description = f"Make a document from the data map, the settings, the budgets and the live bundle. {listed}."
    command.set_defaults(run=_make)
    command.add_argument("kind", choices=tuple(DOCUMENTS), metavar="KIND", help=", ".join(DOCUMENTS))
    command.add_argument("--format", choices=tuple(FORMATS), default="html", help="as what (html)")
    command.add_argument("--out", type=Path, metavar="FILE", help="where to (KIND.FORMAT)")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="the bundle (the one in production)")
    add_directory_option(command)
