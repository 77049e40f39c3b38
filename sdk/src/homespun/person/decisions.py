"""Why each list was made, as far as ``Purpose.EXPLANATION_LOG`` lets it be kept: to look at and to hand to audits."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from homespun.errors import MisuseError
from homespun.home import Home
from homespun.model.arguments import folder_path
from homespun.person.items import Items
from homespun.profile.files import create_private, sync_file
from homespun.protocol.records import ExplanationRecord

Format = Literal["jsonl", "csv", "html"]


class Decisions:
    """The records that are kept, oldest first. Iterating, ``len`` and ``[]`` read the profile as it is now."""

    def __init__(self, home: Home, items: Items) -> None:
        """Use ``Personalizer.decisions``."""
        self._home = home
        self._items = items

    def all(self) -> list[ExplanationRecord]:
        """Return all records.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        return self._home.decisions()

    def __iter__(self) -> Iterator[ExplanationRecord]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())

    def __getitem__(self, number: int) -> ExplanationRecord:
        return self.all()[number]

    def export(
        self,
        path: str | os.PathLike[str],
        format: Format = "jsonl",  # noqa: A002 - what everybody calls it
        *,
        overwrite: bool = False,
    ) -> int:
        """Write the records to a file, and return how many.

        **The file is readable by everybody who gets hold of it**, and holds what the person did.

        Args:
            path: Where to.
            format: ``jsonl``: a line a list with everything, which ``homespun verify`` makes again; ``csv``: a line an
                item, for a spreadsheet; ``html``: a page to read and to print, with all parts of every score.
            overwrite: Whether to replace a file that exists.

        Raises:
            MisuseError: The format is unknown, or the file exists.
            ClosedError, ProfileError: See the classes.
            OSError: The disk refuses.
        """
        # For the few who export.
        from homespun.person.decisions_export import FORMATS  # noqa: PLC0415

        if format not in FORMATS:
            raise MisuseError(f"the format {format!r} is unknown; use one of {', '.join(map(repr, FORMATS))}.")
        target, records, bundle = folder_path(path), self.all(), self._items.view
        named = {entry.item for record in records for entry in record.items}
        named |= {part.item for record in records for entry in record.items for part in entry.attributions if part.item}
        titles = {item: bundle.title(item) for item in named if item in bundle}
        content = FORMATS[format](records, titles)
        if target.exists() and not overwrite:
            raise MisuseError(f"{target} exists; give another name, or overwrite=True.")
        _write_whole(target, content)
        return len(records)


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file for its owner only, whole or not at all."""
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    create_private(partial)
    try:
        partial.write_bytes(content)
        sync_file(partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
