"""The releases of a fit, kept beside its bundle, so that a refresh pays only for what it releases anew.

The folder holds a file a release, the ids of the catalogue in the order in which they were counted, and what the fit
was asked for. The universe is not in it: it follows from the counts and the ids. A release in it is one only together
with the ledger that it was charged to, which is named relative to the folder if it lies beside a fit's results. An
operator's own ledger is named by the operator every time: its address may hold a password.

Nothing exact is kept, so a fit without privacy leaves no such folder.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun_server.errors import OutputError, ReleaseFileError
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import Released
from homespun_server.privacy.kept import keep, kept
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.provenance import public, released, together
from homespun_server.privacy.release import Release
from homespun_server.publishing.in_place import put_in_place
from homespun_server.statistics.cohort import Cohort

RELEASES_FOLDER = "releases"
"""Beside the bundle."""

FIT_FILE = "fit.json"
CATALOGUE_FILE = "catalogue.json"
SCHEMA_VERSION = 1

COUNTS = "item-counts"

_SUFFIX = ".parquet"
_CHOSEN_BY = "chosen-by-{}"
"""Releases that options were chosen by; no statistic of a model has such a name."""


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fit was asked for.

    Attributes:
        schema: Version of this structure.
        options: The fit's, but what they were chosen by.
        public_sources: Names of the public sources that they were chosen by.
        chosen_by: How many releases they were chosen by.
        statistics: Names of the releases, item counts first.
        as_of: When it is for trends, seconds since 1970; None where there are none.
        left_out: Why tastes were not released, if they were wanted.
        ledger: The ledger beside a fit's results, relative to the folder above; None: an operator's own.
    """

    schema: int
    options: dict[str, Any]
    public_sources: tuple[str, ...]
    chosen_by: int
    statistics: tuple[str, ...]
    as_of: int | None
    left_out: tuple[str, ...]
    ledger: str | None


@dataclass(frozen=True)
class Paid:
    """Releases that were paid for before.

    Attributes:
        options: The fit's.
        by_name: The releases, by the name of the statistic.
    """

    options: FitOptions
    by_name: Mapping[str, Release]


@dataclass(frozen=True)
class KeptFit:
    """What a folder of kept releases says by itself: nothing about people yet, and nothing that needs a ledger.

    Attributes:
        folder: The folder.
        options: The fit's, but what they were chosen by.
        ids: The catalogue's ids in the order in which they were counted.
        statistics: Names of the releases, item counts first.
        as_of: When it is for trends; None where there are none.
        left_out: Why tastes were not released, if they were wanted.
        ledger: The ledger beside a fit's results; None: it has to be named.
    """

    folder: Path
    options: FitOptions
    ids: tuple[str, ...]
    statistics: tuple[str, ...]
    as_of: int | None
    left_out: tuple[str, ...]
    ledger: Path | None
    public_sources: tuple[str, ...] = ()
    chosen_by: int = 0

    def paid(self, ledger: BudgetLedger) -> Paid:
        """Read the releases.

        Args:
            ledger: The one that they were charged to.

        Raises:
            ReleaseFileError: If a file is missing, damaged or another one, or the ledger knows no such release.
            LedgerError: If the ledger is damaged or was not opened.
        """
        by_name = {name: kept(self.folder / (name + _SUFFIX), ledger) for name in self.statistics}
        training = Cohort.training(self.options.test_share).path
        for name, release in by_name.items():
            if release.statistic.name != name or release.path != training:
                raise self.mixed_up(name)
        if by_name[COUNTS].statistic.universe != universe_of(self.ids):
            raise self.mixed_up(COUNTS)
        chosen = [kept(self.folder / (_CHOSEN_BY.format(place) + _SUFFIX), ledger) for place in range(self.chosen_by)]
        sources = (*(public(None, name) for name in self.public_sources), *map(released, chosen))
        return Paid(replace(self.options, chosen_by=sources), by_name)

    def mixed_up(self, name: str) -> ReleaseFileError:
        """Return the error that a release does not go with the rest of the folder."""
        return ReleaseFileError(
            f"{name}{_SUFFIX} in {self.folder} is about other items or people than {FIT_FILE} and {CATALOGUE_FILE} "
            "say: files of several fits were mixed, or changed. Take a copy of the folder that is whole, or fit anew."
        )


def save(
    released: Released, options: FitOptions, ids: Sequence[str], folder: Path, *, ledger: Path | None = None
) -> None:
    """Keep private releases in ``folder``; what is there is replaced at once, or not at all.

    Args:
        released: The releases.
        options: The fit's.
        ids: The catalogue's ids in the order in which item counts were counted.
        folder: Where to.
        ledger: The ledger that they were charged to, if it lies beside a fit's results; None: the operator's own.

    Raises:
        MisuseError: If a release is not private.
        OutputError: If the folder holds something else, or cannot be written.
    """
    check_keepable(folder)
    chosen = together(*options.chosen_by)
    record = _Record(
        schema=SCHEMA_VERSION,
        options={each.name: getattr(options, each.name) for each in fields(options) if each.name != "chosen_by"},
        public_sources=chosen.public,
        chosen_by=len(chosen.releases),
        statistics=tuple(release.statistic.name for release in released.everything),
        as_of=None if released.as_of is None else released.as_of.value,
        left_out=released.left_out,
        ledger=None if ledger is None else _relative(ledger, folder.parent),
    )
    files = {release.statistic.name: release for release in released.everything}
    files |= {_CHOSEN_BY.format(place): release for place, release in enumerate(chosen.releases)}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".releases-") as temporary:
            made = Path(temporary) / RELEASES_FOLDER
            made.mkdir()
            for name, release in files.items():
                keep(release, made / (name + _SUFFIX))
            (made / CATALOGUE_FILE).write_bytes(msgspec.json.encode(list(ids)))
            (made / FIT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
            put_in_place(made, folder, Path(temporary) / "replaced")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error}); what was there was left alone, and what was released is charged. "
            "Make room, or choose another folder."
        ) from error


def load(folder: Path) -> KeptFit:
    """Read what a folder of kept releases says by itself.

    Raises:
        MisuseError: If there is no such folder.
        ReleaseFileError: If it is damaged, or of a newer version.
    """
    if not (folder / FIT_FILE).is_file():
        raise MisuseError(
            f"{folder.parent} keeps no releases: it is no result of a private fit. A fit without privacy keeps none, "
            "because they would be exact sums about people. Fit anew, with an ε, and refresh that."
        )
    try:
        raw = (folder / FIT_FILE).read_bytes()
        if msgspec.json.decode(raw).get("schema") != SCHEMA_VERSION:
            raise ReleaseFileError(
                f"{folder / FIT_FILE} is of another version of the program than this one. Refresh it with that one, or "
                "fit anew."
            )
        record = msgspec.json.decode(raw, type=_Record)
        ids = msgspec.json.decode((folder / CATALOGUE_FILE).read_bytes(), type=tuple[str, ...])
        options = _options(record.options)
    except (
        OSError,
        msgspec.MsgspecError,
        UnicodeDecodeError,
        AttributeError,
        KeyError,
        TypeError,
        MisuseError,
    ) as error:
        raise ReleaseFileError(
            f"{folder} holds no kept releases, or is damaged ({type(error).__name__}: {error}). Take a copy that is "
            "whole, or fit anew."
        ) from error
    if COUNTS not in record.statistics:
        raise ReleaseFileError(f"{folder / FIT_FILE} names no {COUNTS}: it was changed. Take a copy that is whole.")
    ledger = None if record.ledger is None else folder.parent / record.ledger
    return KeptFit(
        folder=folder,
        options=options,
        ids=ids,
        statistics=record.statistics,
        as_of=record.as_of,
        left_out=record.left_out,
        ledger=ledger,
        public_sources=record.public_sources,
        chosen_by=record.chosen_by,
    )


def check_keepable(folder: Path) -> None:
    """Refuse to write over anything that is no folder of kept releases.

    Raises:
        OutputError: If ``folder`` is one that is neither empty nor made by ``save``, or a file.
    """
    if not folder.exists():
        return
    if folder.is_dir():
        names = {path.name for path in folder.iterdir()}
        ours = {FIT_FILE, CATALOGUE_FILE, *(name for name in names if name.endswith(_SUFFIX))}
        if not names or {FIT_FILE} <= names <= ours:
            return
    raise OutputError(f"{folder} is no folder of kept releases; it was left alone. Choose another folder or remove it.")


def remove(folder: Path) -> None:
    """Remove a folder of kept releases, if there is one.

    Raises:
        OutputError: If it holds something else, or cannot be removed.
    """
    check_keepable(folder)
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} is of an earlier fit and cannot be removed: {error}. Remove it.") from error


def _options(raw: Mapping[str, Any]) -> FitOptions:
    names = {each.name for each in fields(FitOptions)} - {"chosen_by"}
    if names != raw.keys():
        raise KeyError(", ".join(sorted(names ^ raw.keys())))
    hints = get_type_hints(FitOptions)
    return FitOptions(**{name: msgspec.convert(raw[name], hints[name]) for name in names})


def _relative(ledger: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(ledger, folder)).as_posix()
    except ValueError:  # another drive
        return str(ledger.absolute())
