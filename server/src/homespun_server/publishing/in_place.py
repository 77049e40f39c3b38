"""Puts a folder that was made whole beside its place into it: readers find the old one or the new one."""

from pathlib import Path


def put_in_place(made: Path, folder: Path, replaced: Path) -> None:
    """Rename a new folder into place, and the old one back if that fails.

    Args:
        made: The new folder, on the same file system.
        folder: Its place; what is there is replaced.
        replaced: Where the old one goes; nothing is there.

    Raises:
        OSError: If it cannot be renamed; what was there is there again.
    """
    if not folder.exists():
        made.rename(folder)
        return
    folder.rename(replaced)
    try:
        made.rename(folder)
    except BaseException:
        replaced.rename(folder)
        raise
