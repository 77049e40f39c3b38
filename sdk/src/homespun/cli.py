"""The command ``homespun``: look at recommendations, reasons and profiles from a terminal.

Exit status: 0 done, 1 an error that homespun explains or an output that was closed, 2 wrong usage.
"""

import argparse
import errno
import getpass
import io
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from homespun._version import __version__
from homespun.consent import Notice, Purpose
from homespun.errors import HomespunError, MisuseError
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample
from homespun.personalizer import Personalizer, Recommendation
from homespun.profile import Key, ProfileStore, erasable, erase, profile_id
from homespun.protocol.receipts import Receipt

_DEMO_LIKES = ("tt0133093", "tt1375666", "tt0468569")
_DEMO_NOTICE = Notice("This demonstration keeps three films in memory until it ends.")

_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal or turns its text around: all control characters but the line break."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An old code page lacks letters of titles; their numbers are better than a crash.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except HomespunError as error:
        return _failed(str(error))
    except (EOFError, KeyboardInterrupt):
        return _failed("stopped before it was done: an answer was needed and none came.")
    except _OutputError as error:
        _give_up_output()
        return _failed(str(error)) if str(error) else 1
    return 0


class _OutputError(Exception):
    """The output cannot be written; says nothing where whoever read it has closed it."""


def _failed(why: str) -> int:
    print(_STEERING.sub("\N{REPLACEMENT CHARACTER}", f"homespun: {why}"), file=sys.stderr)  # noqa: T201 - a command
    return 1


def _give_up_output() -> None:
    """Send what is still buffered nowhere, because Python would try to write it once more at its end."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of anybody's
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _demo(options: argparse.Namespace) -> None:
    with closing(_bundle(options)) as bundle, _of_likes(bundle, _demo_likes(bundle)) as me:
        _say(f"{bundle.manifest.name}: {bundle.manifest.items:,} items. {bundle.privacy.statement}")
        _say("\nSomebody who liked " + ", ".join(bundle.title(event.item) for event in me.events()) + " may like:\n")
        recommended = me.recommend(options.k)
        _print_list(recommended)
        _say(f"\nWhy {recommended[0].title}? Its score is exactly the sum of:\n")
        _say(me.explain(recommended[0]).table())
        _say("\nThe profile was in memory only and is gone now.")


def _demo_likes(bundle: Bundle) -> list[str]:
    """Three items that any bundle has, the same ones each time."""
    known = [item for item in _DEMO_LIKES if item in bundle]
    return known or list(bundle.items[:: max(1, len(bundle.items) // 3)][:3])


def _recommend(options: argparse.Namespace) -> None:
    with closing(_bundle(options)) as bundle, _personalizer(options, bundle) as me:
        recommended = me.recommend(options.k)
        if options.json:
            fields = ("item", "title", "score", "reason", "personalized")
            _say(json.dumps([{name: getattr(entry, name) for name in fields} for entry in recommended], indent=2))
        else:
            _print_list(recommended)


def _explain(options: argparse.Namespace) -> None:
    with closing(_bundle(options)) as bundle, _personalizer(options, bundle) as me:
        explanation = me.explain(options.item)
        if options.json:
            _say(msgspec.json.format(msgspec.json.encode(explanation.record()), indent=2).decode())
            return
        _say(f"{explanation.title}: {explanation.reason}\n")
        _say(explanation.table(options.rows))


def _show(options: argparse.Namespace) -> None:
    with closing(_bundle(options)) as bundle, _profile(options, bundle) as me:
        sizes = me.sizes()
        if sizes is None and ProfileStore.exists(options.profile):
            _say("Storage was withdrawn. The profile is erased once no other program has it open any more.")
        if sizes is not None:
            _say(
                f"{sizes.events:,} events, {sizes.consent_records} consent records, {sizes.disk_bytes:,} bytes on disk"
            )
        for purpose, status in me.consent.status().items():
            _say(f"  {purpose:<16} {'allowed' if status.granted else 'not allowed'}")
        for event in me.events()[-options.k :]:
            title = bundle.title(event.item) if event.item in bundle else event.item
            weight = "" if event.weight is None else f" {event.weight:g}"
            _say(f"  {event.kind}{weight}: {title}")


def _erase(options: argparse.Namespace) -> None:
    _existing(options.profile)
    if not erasable(options.profile, force=options.force):
        raise MisuseError(
            f"what is in {options.profile} does not look like a profile of homespun, so nothing was erased. If it is "
            "one that was damaged, erase it with --force."
        )
    if not options.yes and input(f"Erase the profile in {options.profile} for ever? Type yes: ") != "yes":
        raise MisuseError("nothing was erased.")
    # No key is asked for: who forgot the passphrase must still be able to erase.
    name = profile_id(options.profile) or ""
    done = erase(options.profile, None, force=options.force)
    _say(str(Receipt(profile=name, time=time.time(), stores=done)))


def _bundle(options: argparse.Namespace) -> Bundle:
    return open_sample() if options.bundle is None else Bundle.open(options.bundle)


def _personalizer(options: argparse.Namespace, bundle: Bundle) -> Personalizer:
    """The profile that was named, or one in memory that likes what was named."""
    if options.profile is not None:
        return _profile(options, bundle)
    unknown = [item for item in options.liked if item not in bundle]
    if unknown:
        raise MisuseError(f"the bundle has no item {unknown[0]!r}; --liked takes ids such as {bundle.items[0]!r}.")
    return _of_likes(bundle, options.liked)


def _of_likes(bundle: Bundle, likes: Sequence[str]) -> Personalizer:
    me = Personalizer.open(None, key=Key.ephemeral(), bundle=bundle)
    if likes:
        me.consent.grant(Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION, notice=_DEMO_NOTICE, surface="command line")
    for item in likes:
        me.record(item, "like")
    return me


def _profile(options: argparse.Namespace, bundle: Bundle) -> Personalizer:
    _existing(options.profile)
    return Personalizer.open(options.profile, key=_key(options), bundle=bundle)


def _existing(folder: Path) -> None:
    # An erasure that was interrupted is still something to look at, and is completed by that.
    if folder == Path() or not (ProfileStore.exists(folder) or erasable(folder)):
        raise MisuseError(f"there is no profile in {folder}.")


def _key(options: argparse.Namespace) -> Key:
    if options.keyring is not None:
        return Key.keyring(options.keyring)
    if options.passphrase_file is not None:
        try:
            return Key.passphrase(options.passphrase_file.read_text(encoding="utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise MisuseError(f"the passphrase file cannot be read: {error}.") from error
    return Key.passphrase(getpass.getpass("Passphrase: "))


def _print_list(recommended: Sequence[Recommendation]) -> None:
    width = max((len(entry.title) for entry in recommended), default=0)
    for rank, entry in enumerate(recommended, start=1):
        _say(f"{rank:>3}. {entry.title:<{width}}  {entry.score:+.4f}  {entry.reason}")


def _say(text: str) -> None:
    """Print a text and flush.

    Raises:
        _OutputError: If the output cannot be written.
    """
    try:
        # A bundle's texts were checked when they were read; this is for what comes from elsewhere.
        print(_STEERING.sub("\N{REPLACEMENT CHARACTER}", text), flush=True)  # noqa: T201 - a command prints
    except OSError as error:
        # Windows calls a closed pipe invalid.
        closed = error.errno in {errno.EPIPE, errno.EINVAL}
        raise _OutputError("" if closed else f"the output cannot be written: {error}.") from error


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="homespun", description="Personalization on this device, explained.")
    parser.add_argument("--version", action="version", version=f"homespun {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="recommend and explain with the built-in sample; nothing is written")
    demo.set_defaults(run=_demo)
    recommend = commands.add_parser("recommend", help="list the best items for a profile or for liked items")
    recommend.set_defaults(run=_recommend)
    explain = commands.add_parser("explain", help="take an item's score apart")
    explain.add_argument("item", help="the item's id")
    explain.add_argument("--rows", type=_positive, default=12, metavar="N", help="parts to list (12)")
    explain.set_defaults(run=_explain)
    profile = commands.add_parser("profile", help="look at a profile, or erase it")
    actions = profile.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what is known and what is allowed")
    show.set_defaults(run=_show)
    erasing = actions.add_parser("erase", help="erase the whole profile and print the receipt; needs no key")
    erasing.add_argument("--yes", action="store_true", help="do not ask")
    erasing.add_argument("--force", action="store_true", help="also files that only have the names of a profile's")
    erasing.set_defaults(run=_erase)
    for command in (demo, recommend, explain, show):
        command.add_argument("--bundle", type=Path, metavar="DIR", help="a bundle's folder (the built-in sample)")
    for command in (demo, recommend, show):
        command.add_argument("-k", type=_positive, default=10, metavar="N", help="how many (10)")
    for command in (recommend, explain):
        command.add_argument("--json", action="store_true", help="print JSON")
        whose = command.add_mutually_exclusive_group()
        whose.add_argument("--liked", nargs="+", default=(), metavar="ITEM", help="instead of a profile")
        whose.add_argument("--profile", type=Path, metavar="DIR", help="a profile's folder")
    for command in (show, erasing):
        command.add_argument("--profile", type=Path, metavar="DIR", required=True, help="the profile's folder")
    for command in (recommend, explain, show):
        command.add_argument("--passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
        command.add_argument("--keyring", metavar="SERVICE", help="the key is in the system's keyring")
    return parser


if __name__ == "__main__":
    sys.exit(main())
