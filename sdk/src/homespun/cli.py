"""The command ``homespun``: look at recommendations, reasons and profiles from a terminal.

Exit status: 0 done, 1 an error that homespun explains, 2 wrong usage.
"""

import argparse
import getpass
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from homespun._version import __version__
from homespun.consent import Notice, Purpose
from homespun.errors import HomespunError, MisuseError
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample
from homespun.personalizer import Personalizer, Recommendation
from homespun.profile import Key, ProfileStore, erase, profile_id
from homespun.protocol.receipts import Receipt

_DEMO_LIKES = ("tt0133093", "tt1375666", "tt0468569")
_DEMO_NOTICE = Notice("This demonstration keeps three films in memory until it ends.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except HomespunError as error:
        print(f"homespun: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 1
    return 0


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
    if not options.yes and input(f"Erase the profile in {options.profile} for ever? Type yes: ") != "yes":
        raise MisuseError("nothing was erased.")
    _existing(options.profile)
    # No key is asked for: who forgot the passphrase must still be able to erase.
    name = profile_id(options.profile) or ""
    done = erase(options.profile, None)
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
    if not ProfileStore.exists(folder):
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
    print(text)  # noqa: T201 - a command prints


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
    erasing.set_defaults(run=_erase)
    for command in (demo, recommend, explain, show):
        command.add_argument("--bundle", type=Path, metavar="DIR", help="a bundle's folder (the built-in sample)")
    for command in (demo, recommend, show):
        command.add_argument("-k", type=_positive, default=10, metavar="N", help="how many (10)")
    for command in (recommend, explain):
        command.add_argument("--liked", nargs="+", default=(), metavar="ITEM", help="instead of a profile")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--profile", type=Path, metavar="DIR", help="a profile's folder")
    for command in (show, erasing):
        command.add_argument("--profile", type=Path, metavar="DIR", required=True, help="the profile's folder")
    for command in (recommend, explain, show):
        command.add_argument("--passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
        command.add_argument("--keyring", metavar="SERVICE", help="the key is in the system's keyring")
    return parser


if __name__ == "__main__":
    sys.exit(main())
