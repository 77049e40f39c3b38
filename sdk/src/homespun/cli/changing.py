"""What else a person does with their profile: ``profile export``, ``decisions``, ``undo``, and what opens it."""

import argparse
import os
from pathlib import Path

from homespun.cli.opening import home_of, new_passphrase, person_of
from homespun.cli.output import say, say_under
from homespun.errors import MisuseError
from homespun.person.keys import Keys
from homespun.profile import Key
from homespun.protocol.export import Manifest


def export(options: argparse.Namespace) -> None:
    """Write everything to a file."""
    file: Path = options.file
    if os.path.lexists(file) and not options.overwrite:
        raise MisuseError(f"'{file}' exists and was left as it is; choose another name, or add --overwrite.")
    with person_of(options) as me:
        passphrase = new_passphrase(None, "Passphrase of the export: ") if options.seal else None
        try:
            manifest = me.export(file, options.recipient, passphrase=passphrase, overwrite=options.overwrite)
        except OSError as error:
            raise MisuseError(f"the export cannot be written, and there is none: {error}.") from error
    say_under(f"'{file}' holds, in rows:", _rows(manifest))
    if options.recipient is None and not options.seal:
        say("It is not encrypted: whoever gets hold of the file can read it.")


def decisions(options: argparse.Namespace) -> None:
    """Write the records of why things were listed to a file."""
    file: Path = options.file
    if os.path.lexists(file) and not options.overwrite:
        raise MisuseError(f"'{file}' exists and was left as it is; choose another name, or add --overwrite.")
    with person_of(options) as me:
        if not me.decisions.all():
            raise MisuseError("there is no record of a list: they are kept from when the person allows it.")
        try:
            lists = me.decisions.export(file, options.format, overwrite=options.overwrite)
        except OSError as error:
            raise MisuseError(f"the records cannot be written, and there is no file: {error}.") from error
    say(f"'{file}' holds why {lists:,} {'list was' if lists == 1 else 'lists were'} as they were, and what was done.")
    say("It is not encrypted: whoever gets hold of the file can read it.")


def undo(options: argparse.Namespace) -> None:
    """Take back what was set last, or an entry of its number."""
    with person_of(options) as me:
        me.controls.undo(options.number)
        told = me.controls.history()[-1].text
    say(told)


def rekey(options: argparse.Namespace) -> None:
    """Let another passphrase open the profile."""
    with home_of(options) as home:
        new = Key.passphrase(new_passphrase(options.new_passphrase_file, "New passphrase: "))
        Keys(home).change(new)
    say(
        "The new passphrase opens the profile from now on, and what opened it before does not. Whoever has an earlier "
        "copy of the folder, and what opened that, can still read both: 'homespun profile rotate' ends it for this one."
    )


def rotate(options: argparse.Namespace) -> None:
    """Encrypt everything anew."""
    with home_of(options) as home:
        Keys(home).rotate()
    say("Everything is encrypted anew, under new keys. What opened the profile before opens it as before.")


def recovery(options: argparse.Namespace) -> None:
    """Print a new recovery key, or let none open the profile any more."""
    with home_of(options) as home:
        if options.revoke:
            Keys(home).revoke_recovery()
            say("No recovery key opens the profile any more; everything is encrypted anew.")
            return
        text = Keys(home).export_recovery()
    say(
        f"{text}\n\n"
        "This is the recovery key. Write it down, and keep it away from this computer.\n"
        "It opens the profile where the passphrase or the keyring is lost: --recovery.\n"
        "Whoever has it and a copy of the profile's folder can read everything.\n"
        "A recovery key that was made before opens the profile no more.\n"
        "While there is one, erasing a part cannot destroy that part's key for good, and the receipt says so;\n"
        "'homespun profile recovery --revoke' ends that."
    )


def _rows(manifest: Manifest) -> list[str]:
    # The file's name is its section's.
    return [f"{file.rows:>7,} {Path(file.name).stem}" for file in manifest.files if file.rows]
