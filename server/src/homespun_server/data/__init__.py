"""The data set that comes with the package, so that everything can be tried without data of one's own.

MovieTweetings: 141,695 ratings from 0 to 10 that 21,081 people gave 12,611 films in 2013. Its README says
where it is from and what was changed; its licence is MIT.
"""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from homespun.errors import MisuseError


class DemoTables(NamedTuple):
    """Paths of a demo data set.

    Attributes:
        interactions: Parquet with ``user``, ``item``, ``rating`` and ``timestamp`` (unix seconds).
        items: Parquet with ``item``, ``title``, ``year`` and ``genres`` (separated by ``|``).
    """

    interactions: Path
    items: Path


def movietweetings() -> DemoTables:
    """Return where the tables of MovieTweetings are.

    Raises:
        MisuseError: If the package is not installed as plain files.
    """
    folder = files(__name__) / "movietweetings"
    if not isinstance(folder, Path):
        raise MisuseError("the demo data are inside an archive; install homespun-server as plain files to use them.")
    return DemoTables(folder / "interactions.parquet", folder / "items.parquet")
