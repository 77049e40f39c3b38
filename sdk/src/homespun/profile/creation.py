"""Creating a profile so that a crash at any point leaves either nothing or a working profile.

The database is completed as a draft, then the key file appears, then the draft gets its final name. The
key file is the decision: a draft without one is discarded, since nobody was ever told that it exists; a
draft beside one is complete and only needs its name. A database without a key file is none of these: the
key file was lost, and nothing is discarded. With a keyring, an interrupted creation may leave an entry there
that opens nothing.
"""

from pathlib import Path

from homespun.config import Settings
from homespun.errors import MisuseError
from homespun.profile.database import create_database
from homespun.profile.failures import damaged
from homespun.profile.files import (
    DATABASE,
    DRAFT,
    DRAFT_FILES,
    ERASING,
    KEY,
    Entropy,
    create_private,
    present,
    sync_file,
    sync_folder,
    write_atomically,
)
from homespun.profile.keyfile import KEY_SIZE, KeyFile
from homespun.profile.keys import Key
from homespun.profile.secret import Secret

_ID_SIZE = 16


def profile_exists(folder: Path) -> bool:
    """Return whether the folder holds a profile, damaged or not; one that is being erased does not count."""
    return bool(present(folder, (KEY, DATABASE))) and not present(folder, (ERASING,))


def needs_completion(folder: Path) -> bool:
    """Return whether a creation was interrupted after its decision."""
    return present(folder, (KEY, DATABASE, DRAFT)) == (KEY, DRAFT)


def complete_creation(folder: Path) -> None:
    """Give a decided draft its name. The folder must be locked exclusively."""
    if needs_completion(folder):
        (folder / DRAFT).replace(folder / DATABASE)
        sync_folder(folder)


def check_complete(folder: Path) -> None:
    """Check that there is a profile and that none of its files is lost.

    Raises:
        MisuseError: There is no profile.
        DamagedProfileError: The key file or the database is missing.
    """
    found = present(folder, (KEY, DATABASE))
    if not found:
        raise MisuseError(f"There is no profile in '{folder}'; create one first.")
    if found == (KEY,):
        raise damaged(folder, f"{DATABASE} is missing")
    if found == (DATABASE,):
        raise damaged(folder, f"{KEY}, without which {DATABASE} cannot be decrypted, is missing")


def create_files(folder: Path, key: Key, settings: Settings, entropy: Entropy) -> tuple[KeyFile, Secret]:
    """Create a profile's files. The folder must be locked exclusively.

    Returns:
        The key file and the data key.

    Raises:
        MisuseError: There is a profile already.
    """
    complete_creation(folder)
    if profile_exists(folder):
        raise MisuseError(f"There already is a profile in '{folder}'; open it, or erase it first.")
    for name in present(folder, DRAFT_FILES):
        (folder / name).unlink()
    data_key = Secret(entropy(KEY_SIZE))
    file = key.seal(entropy(_ID_SIZE).hex(), data_key, settings=settings, entropy=entropy)
    draft = folder / DRAFT
    create_private(draft)
    create_database(draft, data_key, settings)
    sync_file(draft)
    write_atomically(folder / KEY, file.encode())
    complete_creation(folder)
    return file, data_key
