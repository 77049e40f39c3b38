"""Bundles as recommenders: each ranks exactly as a device does, by the client's own code."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import PrivacyStatement
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.protocols import Liked


@dataclass(frozen=True)
class KnownBundle:
    """What a bundle says of itself.

    Attributes:
        identity: Its id.
        privacy: What its privacy rests on.
        liked: Which events speak for an item, on devices.
    """

    identity: str
    privacy: PrivacyStatement
    liked: Liked


def read_bundles(folders: Iterable[Path]) -> Iterator[KnownBundle]:
    """Yield what bundles say of themselves.

    Raises:
        BundleError: If a device would refuse one.
    """
    for folder in folders:
        with closing(Bundle.open(folder)) as bundle:
            rule = bundle.manifest.history
            least = None if rule.min_weight is None else float(rule.min_weight)
            yield KnownBundle(bundle.id, bundle.privacy, Liked(least, rule.negative_kinds))


class BundleRecommender:
    """Ranks with one bundle."""

    def __init__(self, bundle: Path | Bundle, *, repeats: bool = False, exclude: Collection[str] = frozenset()) -> None:
        """Verify and load a bundle.

        Args:
            bundle: Its folder, or the bundle itself.
            repeats: Whether items that the person has seen may be listed.
            exclude: Items that must not be listed to anybody.

        Raises:
            BundleError: If a device would refuse it.
        """
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        self._repeats = repeats
        self._exclude = exclude

    def allowing(self, *, repeats: bool, exclude: Collection[str]) -> "BundleRecommender":
        """Return a recommender of the same open bundle that lists other items."""
        return BundleRecommender(self.bundle, repeats=repeats, exclude=exclude)

    def recommend(self, case: Case, k: int) -> Sequence[str]:
        """Return what a device would list."""
        ranked = self.bundle.rank(
            case.events,
            k,
            now=case.now,
            context=case.context,
            exclude=self._exclude,
            exclude_seen=not self._repeats,
        )
        return [scored.item for scored in ranked]

    def close(self) -> None:
        """Close the bundle."""
        self.bundle.close()


class RefreshedRecommender:
    """Ranks with the latest of several bundles that was there at the time of the request.

    Cases should come in the order of time: a bundle is opened when it is first needed, and the one before is closed.
    """

    def __init__(self, folders: Sequence[tuple[float, Path]], *, repeats: bool = False) -> None:
        """Prepare; nothing is opened yet.

        Args:
            folders: When each bundle was published, seconds since 1970, and its folder.
            repeats: Whether items that the person has seen may be listed.

        Raises:
            MisuseError: If there is none.
        """
        if not folders:
            raise MisuseError("no bundle was given, so there is nothing to rank with.")
        self._folders = sorted(folders)
        self._repeats = repeats
        self._open: tuple[Path, BundleRecommender] | None = None

    def recommend(self, case: Case, k: int) -> Sequence[str]:
        """Return what a device with the bundle of that time would list.

        Raises:
            MisuseError: If the case has no time, or one before the first bundle.
        """
        if case.now is None:
            raise MisuseError(
                "which bundle was there is a matter of time, and the case has none; use another protocol."
            )
        published = [folder for time, folder in self._folders if time <= case.now]
        if not published:
            raise MisuseError(f"no bundle was there at {case.now:.0f} s since 1970; give an earlier one.")
        return self._latest(published[-1]).recommend(case, k)

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _latest(self, folder: Path) -> BundleRecommender:
        if self._open is not None and self._open[0] == folder:
            return self._open[1]
        self.close()
        self._open = (folder, BundleRecommender(folder, repeats=self._repeats))
        return self._open[1]
