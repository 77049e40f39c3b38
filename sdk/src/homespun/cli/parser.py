"""The command's words and options."""

import argparse
from pathlib import Path

from homespun._version import __version__
from homespun.cli import changing, erasing, recommending, serving, showing, verifying

Parser = argparse.ArgumentParser


def parser() -> Parser:
    """Return the parser; the options that it gives have the command to run as ``run``."""
    top = Parser(prog="homespun", description="Personalization on this device, explained.")
    top.add_argument("--version", action="version", version=f"homespun {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_recommending(commands)
    ledger = commands.add_parser("ledger", help="what left this device, after checking that nothing was left out")
    ledger.set_defaults(run=showing.ledger)
    ledger.add_argument("--json", action="store_true", help="print JSON, a line an entry")
    _add_profile(ledger)
    console = commands.add_parser("console", help="serve the person's own page, on this machine alone")
    console.set_defaults(run=serving.console)
    console.add_argument(
        "--minutes", type=_positive, default=15, metavar="N", help="end after so long without a request (15)"
    )
    _add_bundle(console)
    _add_profile(console)
    verify = commands.add_parser("verify", help="make recorded lists again, and compare them with what was recorded")
    verify.set_defaults(run=verifying.verify)
    verify.add_argument("records", type=Path, metavar="RECORDS", help="what decisions.export wrote, in lines of JSON")
    verify.add_argument("--policy", type=Path, action="append", default=[], metavar="FILE", help="an application's own")
    verify.add_argument("--items", type=Path, metavar="FILE", help="what the application said of items, as JSON")
    _add_bundle(verify)
    profile = commands.add_parser("profile", help="look at a profile, take it along, change its key, or erase it")
    actions = profile.add_subparsers(required=True, metavar="ACTION")
    _add_showing(actions)
    _add_erasing(actions)
    _add_keys(actions)
    return top


def _add_recommending(commands: "argparse._SubParsersAction[Parser]") -> None:
    demo = commands.add_parser("demo", help="recommend and explain with the built-in sample; nothing is written")
    demo.set_defaults(run=recommending.demo)
    recommend = commands.add_parser("recommend", help="list the best items for a profile or for liked items")
    recommend.set_defaults(run=recommending.recommend)
    explain = commands.add_parser("explain", help="take an item's score apart")
    explain.set_defaults(run=recommending.explain)
    explain.add_argument("item", help="the item's id")
    explain.add_argument("--rows", type=_positive, default=12, metavar="N", help="parts to list (12)")
    for command in (demo, recommend, explain):
        _add_bundle(command)
    for command in (demo, recommend):
        _add_number(command)
    for command in (recommend, explain):
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--policy", type=Path, metavar="FILE", help="in place of the bundle's own")
        whose = command.add_mutually_exclusive_group()
        whose.add_argument("--liked", nargs="+", default=(), metavar="ITEM", help="instead of a profile")
        whose.add_argument("--profile", type=Path, metavar="DIR", help="a profile's folder")
        _add_key(command)


def _add_showing(actions: "argparse._SubParsersAction[Parser]") -> None:
    show = actions.add_parser("show", help="what is known, allowed and set")
    show.set_defaults(run=showing.show)
    _add_number(show)
    check = actions.add_parser("check", help="read everything, and see that nothing was changed from outside")
    check.set_defaults(run=showing.check)
    export = actions.add_parser("export", help="write everything to a file, to read and to take along")
    export.set_defaults(run=changing.export)
    export.add_argument("file", type=Path, metavar="FILE", help="a name in .zip, or in .homespun if it is sealed")
    sealed = export.add_mutually_exclusive_group()
    sealed.add_argument("--recipient", metavar="TEXT", help="seal it for the owner of a key: homespun-recipient:...")
    sealed.add_argument("--seal", action="store_true", help="seal it with a passphrase, which is asked for")
    export.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    decisions = actions.add_parser("decisions", help="write why things were listed to a file, to read or to hand over")
    decisions.set_defaults(run=changing.decisions)
    decisions.add_argument("file", type=Path, metavar="FILE", help="the file")
    decisions.add_argument("--format", choices=("jsonl", "csv", "html"), default="jsonl", help="as what (jsonl)")
    decisions.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    undo = actions.add_parser("undo", help="take back what was set last")
    undo.set_defaults(run=changing.undo)
    undo.add_argument("number", type=_positive, nargs="?", metavar="N", help="or the entry of this number, see show")
    for command in (show, export, decisions, undo):
        _add_bundle(command)
    for command in (show, check, export, decisions, undo):
        _add_profile(command)


def _add_erasing(actions: "argparse._SubParsersAction[Parser]") -> None:
    command = actions.add_parser("erase", help="erase the profile, or a part of it, and print the receipt")
    command.set_defaults(run=erasing.erase_profile)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--force", action="store_true", help="also files that only have the names of a profile's")
    command.add_argument("--receipt", type=Path, metavar="FILE", help="keep the receipt too, as JSON")
    part = command.add_argument_group("a part", "Named together they narrow it down. A part needs the key, all none.")
    part.add_argument("--item", metavar="ITEM", help="everything about one item")
    part.add_argument("--tag", metavar="TAG", help="everything about items that carry a tag, by the bundle")
    part.add_argument("--kind", metavar="KIND", help="one kind of event")
    for option, name, words in (
        ("--from", "start", "what was done from then on: 2026-05-31, 2026-05-31T18:00"),
        ("--until", "end", "what was done before"),
    ):
        part.add_argument(option, dest=name, type=erasing.moment, metavar="DATE", help=words)
    part.add_argument("--inference", metavar="TAG", help="an inferred interest, by itself; not inferred again")
    _add_bundle(command)
    _add_profile(command)


def _add_keys(actions: "argparse._SubParsersAction[Parser]") -> None:
    rekey = actions.add_parser("rekey", help="let another passphrase open the profile")
    rekey.set_defaults(run=changing.rekey)
    rekey.add_argument("--new-passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
    rotate = actions.add_parser("rotate", help="encrypt everything anew, under new keys")
    rotate.set_defaults(run=changing.rotate)
    recovery = actions.add_parser("recovery", help="print a key that opens the profile where the other is lost")
    recovery.set_defaults(run=changing.recovery)
    recovery.add_argument("--revoke", action="store_true", help="let none open it any more")
    for command in (rekey, rotate, recovery):
        _add_profile(command)


def _add_profile(command: Parser) -> None:
    command.add_argument("--profile", type=Path, metavar="DIR", required=True, help="the profile's folder")
    _add_key(command)


def _add_key(command: Parser) -> None:
    key = command.add_mutually_exclusive_group()
    key.add_argument("--passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
    key.add_argument("--keyring", metavar="SERVICE", help="the key is in the system's keyring")
    key.add_argument("--recovery", action="store_true", help="ask for the recovery key instead")
    key.add_argument("--recovery-file", type=Path, metavar="FILE", help="the recovery key is in a file")


def _add_bundle(command: Parser) -> None:
    command.add_argument("--bundle", type=Path, metavar="DIR", help="a bundle's folder (the built-in sample)")


def _add_number(command: Parser) -> None:
    command.add_argument("-k", type=_positive, default=10, metavar="N", help="how many (10)")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)
