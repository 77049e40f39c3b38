"""Erasing a profile or a part of it: ``profile erase``.

The whole profile needs no key: who forgot the passphrase must still be able to erase. With one, the profile's own
key signs the receipt, which then knows what left the device before. A part is found with a key only.
"""

import argparse
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from homespun.cli.opening import any_home_of, bundle_of, check_existing, has_key, home_of
from homespun.cli.output import say
from homespun.errors import MisuseError
from homespun.person.erasing import Extent, erase_part
from homespun.profile import FileTombstones, erasable, erase, named
from homespun.profile.files import create_private
from homespun.protocol.receipts import Receipt, encode


def erase_profile(options: argparse.Namespace) -> None:
    """Erase what is named, and print the receipt."""
    check_existing(options.profile)
    part = _part(options)
    if not part.is_everything:
        _confirm(options, f"{_in_words(options)} from the profile in {options.profile}")
        _receipted(options.receipt, lambda: _erase_part(options, part))
        return
    if not (has_key(options) or erasable(options.profile, force=options.force)):
        raise MisuseError(
            f"what is in {options.profile} does not look like a profile of homespun, so nothing was erased. If it is "
            "one that was damaged, erase it with --force."
        )
    _confirm(options, f"the profile in {options.profile}")
    _receipted(options.receipt, lambda: _erase_all(options))


def moment(text: str) -> datetime:
    """Return the time that a person names; a day is its beginning, by this computer's clock.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-05-31 or 2026-05-31T18:00") from None


def _part(options: argparse.Namespace) -> Extent:
    if options.start is not None and options.end is not None and options.start >= options.end:
        raise MisuseError("--from is not before --until, so nothing would be between them; nothing was erased.")
    ends = [None if end is None else end.timestamp() for end in (options.start, options.end)]
    part = Extent(
        item=options.item,
        tag=options.tag,
        kind=options.kind,
        between=None if ends == [None, None] else (ends[0], ends[1]),
        inference=options.inference,
    )
    if options.force and not part.is_everything:
        raise MisuseError("--force is for the whole of a damaged profile; leave it out to erase a part.")
    return part


def _in_words(options: argparse.Namespace) -> str:
    named = (
        ("the item", options.item),
        ("what is tagged", options.tag),
        ("the kind of event", options.kind),
        ("what was done from", options.start),
        ("what was done before", options.end),
        ("the inferred interest in", options.inference),
    )
    return " and also ".join(f"{name} {value}" for name, value in named if value is not None)


def _confirm(options: argparse.Namespace, what: str) -> None:
    if not options.yes and input(f"Erase {what} for ever? Type yes: ") != "yes":
        raise MisuseError("nothing was erased.")


def _erase_part(options: argparse.Namespace, part: Extent) -> Receipt:
    with closing(bundle_of(options)) as bundle, home_of(options) as home:
        return erase_part(home, bundle, part)


def _erase_all(options: argparse.Namespace) -> Receipt:
    if has_key(options):
        with any_home_of(options) as home:
            return home.completed or home.erase()
    folder = named(options.profile)
    return erase(folder, None, tombstones=FileTombstones.beside(folder), force=options.force)


def _receipted(file: Path | None, erase: Callable[[], Receipt]) -> None:
    """Erase and print the receipt; keep it in a file, which is made before, so that nothing is erased without."""
    if file is None:
        say(str(erase()))
        return
    try:
        create_private(file)
    except OSError as error:
        raise MisuseError(f"the receipt cannot be kept, so nothing was erased: {error}.") from error
    try:
        receipt = erase()
    except BaseException:
        file.unlink()
        raise
    try:
        file.write_bytes(encode(receipt))
    except OSError as error:
        raise MisuseError(f"it is erased, but the receipt could not be kept: {error}.") from error
    finally:
        say(str(receipt))
