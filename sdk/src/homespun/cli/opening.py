"""Opening what the options name: a bundle, a profile, and what opens it.

The command is a guest in an application's profile. It does not know the application's settings, so it enforces no
retention, declares nothing and sends nothing.
"""

import argparse
import getpass
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from homespun.cli.output import say
from homespun.errors import MisuseError
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample
from homespun.personalizer import Personalizer
from homespun.profile import Key, Place, erasable, exists
from homespun.protocol.policy import Policy, parse_policy


def bundle_of(options: argparse.Namespace) -> Bundle:
    """Open the bundle that was named, or the sample."""
    return open_sample() if options.bundle is None else Bundle.open(options.bundle)


@contextmanager
def person_of(options: argparse.Namespace) -> Iterator[Personalizer]:
    """Open the profile and the bundle that were named."""
    with closing(bundle_of(options)) as bundle, home_of(options) as home:
        yield Personalizer(bundle, home, policy=policy_of(options))


def policy_of(options: argparse.Namespace) -> Policy | None:
    """Read the policy that was named; None: the bundle's own."""
    path = getattr(options, "policy", None)
    return None if path is None else parse_policy(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        MisuseError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def home_of(options: argparse.Namespace) -> Iterator[Home]:
    """Open the profile that was named.

    Raises:
        MisuseError: There is none, or not any more: opening it completed an erasure, whose receipt is printed.
        ProfileError: See ``Personalizer.open``.
    """
    with any_home_of(options) as home:
        if home.completed is not None:
            say(str(home.completed))
            raise MisuseError(
                f"there is no profile in {options.profile} now. Its erasure was interrupted, or a backup of it was "
                "put back; now it is completed, and the receipt is above."
            )
        yield home


@contextmanager
def any_home_of(options: argparse.Namespace) -> Iterator[Home]:
    """As ``home_of``, also where opening it completed its erasure."""
    check_existing(options.profile)
    with closing(Home(Place(options.profile, key_of(options), guest=True), clock=time.time)) as home:
        yield home


def check_existing(folder: Path) -> None:
    """Check that there is a profile in the folder.

    Raises:
        MisuseError: There is none.
    """
    # An erasure that was interrupted is still something to look at, and is completed by that.
    if folder == Path() or not (exists(folder) or erasable(folder)):
        raise MisuseError(f"there is no profile in {folder}.")


def has_key(options: argparse.Namespace) -> bool:
    """Return whether the options say what opens the profile, so that nothing has to be asked."""
    return options.recovery or any((options.keyring, options.passphrase_file, options.recovery_file))


def key_of(options: argparse.Namespace) -> Key:
    """Return what opens the profile; a passphrase that is asked for, if nothing else was named.

    Raises:
        MisuseError: It cannot be read, or is none.
    """
    if options.keyring is not None:
        return Key.keyring(options.keyring)
    if options.recovery_file is not None:
        return Key.recovery(_line_of(options.recovery_file, "recovery key's file"))
    if options.recovery:
        return Key.recovery(getpass.getpass("Recovery key: "))
    if options.passphrase_file is not None:
        return Key.passphrase(_line_of(options.passphrase_file, "passphrase file"))
    return Key.passphrase(getpass.getpass("Passphrase: "))


def new_passphrase(file: Path | None, prompt: str) -> str:
    """Return a new passphrase: from a file, or asked for twice.

    Raises:
        MisuseError: The file cannot be read, or the two answers differ.
    """
    if file is not None:
        return _line_of(file, "new passphrase's file")
    chosen = getpass.getpass(prompt)
    if getpass.getpass("Once more: ") != chosen:
        raise MisuseError("the two differ, so nothing was done.")
    return chosen


def _line_of(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise MisuseError(f"the {name} cannot be read: {error}.") from error
    except UnicodeDecodeError:
        # Its text would show what is in the file.
        raise MisuseError(f"the {name} cannot be read: {file} is not UTF-8.") from None
