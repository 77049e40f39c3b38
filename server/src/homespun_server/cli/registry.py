"""``homespun-server registry``: the bundles of a working directory, their stages, and what differs between two."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.publishing.directory import open_registry
from homespun_server.publishing.registry import STAGES, Both, Comparison, Registry, Version
from homespun_server.store import open_store

SHORT = 12
"""Characters of an identity that are shown."""

_PRIVACY = {"no_personal_data": "no personal data", "non_private": "none"}


def _add(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        version = registry.add(
            options.bundle, lineage={}, gates={}, note=options.note, actor=command_actor("registry add")
        )
    console.print(f"{version.name}@{version.version} is registered: {version.id}", markup=False, highlight=False)


def _list(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        found = registry.versions(stage=options.stage)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("bundle", "name", "stage", "added", "MB", "privacy", "note"):
        is_text = heading in {"name", "note"}
        table.add_column(heading, justify="right" if heading == "MB" else "left", no_wrap=not is_text)
    for version in found:
        table.add_row(*_cells(version))
    console.print(table)


def _show(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        details = registry.details(registry.resolve(options.bundle).id)
    console.out(msgspec.json.format(msgspec.json.encode(details), indent=2).decode(), highlight=False)


def _compare(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        found = registry.compare(registry.resolve(options.bundle).id, registry.resolve(options.other).id)
    if options.json:
        console.out(msgspec.json.format(msgspec.json.encode(found), indent=2).decode(), highlight=False)
    else:
        console.print(_comparison(found))


def _move(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        bundle = registry.resolve(options.bundle).id
        version = registry.move(bundle, options.stage, command_actor("registry move"), options.why)
    console.print(f"{version.name}@{version.version} is in the stage {version.stage}.", markup=False, highlight=False)


def _delete(options: argparse.Namespace, console: Console) -> None:
    with _registry(options) as registry:
        version = registry.resolve(options.bundle)
        registry.delete(version.id, command_actor("registry delete"))
    console.print(f"{version.name}@{version.version} and its files are gone.", markup=False, highlight=False)


@contextmanager
def _registry(options: argparse.Namespace) -> Iterator[Registry]:
    settings = settings_of(options)
    with open_store(settings.store, create=False) as store:
        yield open_registry(settings, store)


def _cells(version: Version) -> tuple[str, ...]:
    privacy = _PRIVACY.get(version.privacy) or f"ε = {float(version.epsilon or 0):.4g}"
    name = f"{version.name}@{version.version}"
    size = f"{version.size / 1e6:.2f}"
    return version.id[:SHORT], name, version.stage, version.added[:10], size, privacy, version.note


def _comparison(found: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "before", "after"):
        table.add_column(heading)
    table.add_row("bundle", found.before.id[:SHORT], found.after.id[:SHORT])
    table.add_row("bytes", f"{found.before.size:,}", f"{found.after.size:,}")
    items = found.items
    table.add_row("items", f"{items.before:,}", f"{items.after:,} ({items.added:,} new, {items.removed:,} gone)")
    for name, both in {**found.privacy, **found.quality, **found.components}.items():
        table.add_row(name, *_sides(both))
    table.add_row("policy", "", "\n".join(found.policy) or "the same")
    return table


def _sides(both: Both) -> tuple[str, str]:
    return both.before or "–", both.after or "–"


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = (
        "The registered bundles. BUNDLE is an identity, the beginning of one, or NAME@VERSION. What devices are "
        "offered is not decided here."
    )
    parts = command.add_subparsers(required=True, metavar="ACTION")
    listing = _part(parts, "list", _list, "list the bundles, latest first")
    listing.add_argument("--stage", choices=STAGES, help="only those of a stage")
    adding = _part(parts, "add", _add, "register a bundle that was made elsewhere, without lineage or gates")
    adding.add_argument("bundle", type=Path, metavar="DIR", help="the bundle's folder")
    adding.add_argument("--note", default="", help="what to say of it")
    showing = _part(parts, "show", _show, "show a bundle's lineage, card, gates and history, as JSON")
    comparing = _part(parts, "compare", _compare, "show what differs between two bundles")
    moving = _part(parts, "move", _move, "move a bundle to another stage")
    deleting = _part(parts, "delete", _delete, "delete a draft and its files")
    for each in (showing, comparing, moving, deleting):
        each.add_argument("bundle", metavar="BUNDLE")
    comparing.add_argument("other", metavar="OTHER")
    comparing.add_argument("--json", action="store_true", help="write JSON instead of a table")
    moving.add_argument("stage", choices=STAGES)
    moving.add_argument("--why", required=True, help="why; it stays in its history")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    add_directory_option(command)
    return command
