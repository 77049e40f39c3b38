"""``homespun-server rollout``: what a channel gives to which devices, and taking it back."""

import argparse
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.protocol.channel import SHARES, Version
from homespun_server.cli.rollout_view import rollout_view, sentence
from homespun_server.cli.shares import percent, share
from homespun_server.cli.signing import add_signing_options, repository_of
from homespun_server.publishing.repository import SignedRepository

NONE = "none"
"""What is written instead of a version where any will do."""


def _show(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    channels = [options.channel] if options.channel else list(repository.channels())
    if options.json:
        found = {name: {"channel": repository.channel(name), "history": repository.history(name)} for name in channels}
        console.out(msgspec.json.format(msgspec.json.encode(found), indent=2).decode(), highlight=False)
        return
    for name in channels:
        console.print(rollout_view(repository.channel(name), repository.history(name)))


def _share(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.set_share(options.channel, options.release, options.share)
    _say(repository, options, console)


def _pause(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.pause(options.channel, options.release)
    _say(repository, options, console)


def _resume(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.resume(options.channel, options.release)
    _say(repository, options, console)


def _back(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    made = repository.rollback(options.channel, options.to, options.reason, share=options.share, bundle=options.bundle)
    console.print(
        f"Release {made.number} returns to the bundle of release {options.to}, for {percent(made.share)} of all "
        "devices.",
        highlight=False,
    )
    _say(repository, options, console)


def _off(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.switch_off(options.channel, options.reason)
    _say(repository, options, console)


def _on(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.switch_on(options.channel)
    _say(repository, options, console)


def _minimum_client(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    version: Version | None = None if options.version == NONE else options.version
    repository.set_minimum_client(options.channel, version)
    _say(repository, options, console)


def _say(repository: SignedRepository, options: argparse.Namespace, console: Console) -> None:
    console.print(sentence(repository.channel(options.channel)), markup=False, highlight=False)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Say which devices take which release of a channel. Everything is signed at once."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    showing = _part(parts, "show", _show, "show every release and what became of it", nargs="?")
    showing.add_argument("--json", action="store_true", help="write JSON instead of tables")
    sharing = _part(parts, "share", _share, "give a release to more devices, or to no further ones")
    _add_release(sharing)
    sharing.add_argument("share", type=share, metavar="SHARE", help="of all devices, for instance 50%%")
    _add_release(_part(parts, "pause", _pause, "let no further device take a release"))
    _add_release(_part(parts, "resume", _resume, "let devices take a paused release again"))
    back = _part(parts, "back", _back, "release an earlier release's bundle again, as a new release")
    back.add_argument("--to", type=int, required=True, metavar="RELEASE", help="the earlier release's number")
    back.add_argument("--reason", required=True, help="why; devices see it")
    back.add_argument("--share", type=share, default=SHARES, metavar="SHARE", help="of all devices (100%%)")
    back.add_argument("--bundle", type=Path, metavar="BUNDLE", help="its folder, if its files were pruned")
    off = _part(parts, "off", _off, "let all devices list what is the same for everybody")
    off.add_argument("--reason", required=True, help="why; people see it")
    _part(parts, "on", _on, "let devices make personal lists again")
    least = _part(parts, "minimum-client", _minimum_client, "ask devices for a version before they take anything")
    least.add_argument("version", metavar="VERSION", help=f"least version of homespun; {NONE}: any")


def _add_release(command: argparse.ArgumentParser) -> None:
    command.add_argument("release", type=int, metavar="RELEASE", help="its number, as rollout show lists it")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: object,
    what: str,
    nargs: str | None = None,
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("channel", nargs=nargs, metavar="CHANNEL", help="for instance films/canary")
    add_signing_options(command)
    return command
