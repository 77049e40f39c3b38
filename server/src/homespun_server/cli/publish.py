"""``homespun-server publish``: release a bundle on a channel, and register it if it was made elsewhere."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun.protocol.channel import SHARES, Release, check_channel_name
from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.shares import percent, share
from homespun_server.cli.signing import add_signing_options, repository_of
from homespun_server.publishing.directory import open_registry
from homespun_server.publishing.registry import stage_on
from homespun_server.store import open_store


def _publish(options: argparse.Namespace, console: Console) -> None:
    _, stage = check_channel_name(options.to)
    settings, actor = settings_of(options), command_actor("publish")
    with open_store(settings.store) as store:
        registry = open_registry(settings, store)
        version = registry.add(options.bundle, lineage={}, gates={}, note=options.note, actor=actor)
        release = _released(options)
        after = stage_on(stage, version.stage)
        if after != version.stage:
            registry.move(version.id, after, actor, f"released on {options.to} as {release.number}")
    console.print(
        f"Release {release.number} on {options.to}: the bundle {release.bundle[:12]}, {release.size / 1e6:.2f} MB, for "
        f"{percent(release.share)} of all devices.",
        markup=False,
        highlight=False,
    )


def _released(options: argparse.Namespace) -> Release:
    return repository_of(options).publish(
        options.bundle,
        options.to,
        share=options.share,
        minimum_client=options.minimum_client,
        note=options.note,
        override=options.override,
    )


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Release a bundle on a channel of the working directory's signed repository. It is checked first; devices take "
        "it from when this command has ended."
    )
    command.set_defaults(run=_publish)
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder")
    command.add_argument("--to", required=True, metavar="CHANNEL", help="for instance films/canary")
    command.add_argument(
        "--share", type=share, default=SHARES, metavar="SHARE", help="of all devices, for instance 10%% (100%%)"
    )
    command.add_argument("--minimum-client", metavar="VERSION", help="least homespun that takes it (any)")
    command.add_argument("--note", default="", metavar="TEXT", help="why, for people; devices see it")
    command.add_argument(
        "--override", metavar="REASON", help="why a non-private bundle goes to everybody all the same; it is kept"
    )
    add_signing_options(command)
