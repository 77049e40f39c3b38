"""Which peers there are, and what has to be installed for each."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from benchmarks.peers.runner.tuning import Peer


@dataclass(frozen=True)
class Entry:
    """Where a peer is, so that none is imported that is not asked for.

    Attributes:
        module: Its module, beneath this package.
        factory: What makes it.
        seeded: Whether the factory takes a seed.
        needs: Modules that must be there.
        distributions: Whose versions are facts.
    """

    module: str
    factory: str
    seeded: bool = False
    needs: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ("numpy",)


PEERS = {
    "popularity": Entry("popularity", "Popularity"),
    "recent-popularity": Entry("popularity", "RecentPopularity"),
    "als": Entry("factorization", "Als", seeded=True, distributions=("numpy", "scipy", "pm-implicit")),
    "item-item": Entry("neighbours", "ItemItem", distributions=("numpy", "scipy", "pm-implicit")),
    "ease": Entry("ease", "Ease", distributions=("numpy", "scipy", "rectools")),
    "recent-ease": Entry("ease", "RecentEase", distributions=("numpy", "scipy", "rectools")),
    "sasrec": Entry(
        "sasrec",
        "SasRec",
        seeded=True,
        needs=("torch", "pytorch_lightning"),
        distributions=("numpy", "rectools", "torch", "pytorch-lightning"),
    ),
}


def lacking(entry: Entry) -> list[str]:
    """Return the modules that a peer needs and that are not installed."""
    return [name for name in entry.needs if find_spec(name) is None]


def make_peer(entry: Entry, seed: int) -> Peer:
    """Return the peer; only its seed is left to choose."""
    factory: Callable[..., Peer] = getattr(import_module(f"benchmarks.peers.runner.{entry.module}"), entry.factory)
    return factory(seed) if entry.seeded else factory()
