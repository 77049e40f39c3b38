"""From the releases of collected tasks to a bundle: reads no table about people, and spends nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement
from homespun_server.collection.collecting import NUMBERS, Collected, Collector
from homespun_server.collection.settings import DEVELOPMENT
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import read_items, silent
from homespun_server.learning import FitOptions, Learned, write_whole
from homespun_server.learning.collected import train_collected
from homespun_server.learning.writing import described, people_on_card
from homespun_server.privacy.release import Release
from homespun_server.publishing.bundle import check_replaceable
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.statistics.columns import ItemColumns
from homespun_server.statistics.items import Items
from homespun_server.training.content import catalogue


@dataclass(frozen=True)
class Trained:
    """What was made of collected tasks.

    Attributes:
        bundle: Its folder.
        learned: The model.
        privacy: What it states.
    """

    bundle: Path
    learned: Learned
    privacy: PrivacyStatement


def train_from_tasks(
    collector: Collector,
    items: Items | str | Path,
    out: str | Path,
    *,
    tasks: Sequence[str] = (),
    counted: Sequence[str] | None = None,
    options: FitOptions | None = None,
    item_columns: ItemColumns | None = None,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Trained:
    """Train a bundle from collected tasks and write ``out/bundle``.

    Args:
        collector: Whose folder keeps them.
        items: The public catalogue: a file, or items that were read.
        out: Folder for the bundle.
        tasks: Which tasks, by their SHA-256 in hexadecimal; none: all that were collected.
        counted: The ids that item counts were counted over; None: the catalogue's own.
        options: What a fit may vary; ``test_share`` is 0.
        item_columns: Which column of the catalogue is what.
        observer: Called with (step, done, in all).
        clock: The time, for the bundle's date.

    Raises:
        MisuseError: If two tasks are of one statistic, one was not collected, or the arguments contradict each other.
        DataError: If the catalogue cannot be used.
        ReleaseFileError: If what is kept was changed, or releases are not about the same items.
        TrainingError: If no model can be made.
        OutputError: If ``out/bundle`` is something else than a bundle.
    """
    options = options or FitOptions(test_share=0.0)
    folder = Path(out) / BUNDLE_FOLDER
    check_replaceable(folder)
    read = read_items(items, item_columns, skip_bad_rows=False)
    found = collected_tasks(collector, tasks)
    ids = read.ids if counted is None else counted
    learned = train_collected(by_name(found), ids, catalogue(read), options, observer or silent)
    description = described(
        learned.model,
        options,
        now=clock(),
        delta=collector.ledger.state().policy.delta,
        people=people_on_card(options, None),
        notes=notes_of(found),
    )
    statement = write_whole(learned.model, catalogue(read), description, folder).privacy
    return Trained(folder, learned, statement)


def collected_tasks(collector: Collector, tasks: Sequence[str] = ()) -> tuple[Collected, ...]:
    """Return tasks that were collected, by their SHA-256 in hexadecimal; none named: all.

    Raises:
        MisuseError: If one was not collected, or there is none.
        ReleaseFileError: If what is kept was changed.
    """
    names = tasks or sorted(path.name.removesuffix(NUMBERS) for path in collector.folder.glob(f"*{NUMBERS}"))
    found = []
    for name in names:
        kept = collector.kept(name)
        if kept is None:
            raise MisuseError(f"the task {name} was not collected here; collect it first.")
        found.append(kept)
    if not found:
        raise MisuseError(f"{collector.folder} keeps no collected task; collect one first (homespun-server collect).")
    return tuple(found)


def by_name(found: Sequence[Collected]) -> Mapping[str, Release]:
    """Return the releases by the name of their statistic.

    Raises:
        MisuseError: If two are of one statistic.
    """
    releases = {each.release.statistic.name: each.release for each in found}
    if len(releases) < len(found):
        raise MisuseError(
            "two of the collected tasks are of one statistic, and a model is trained from one each. Name the tasks to "
            "use (--task)."
        )
    return releases


def notes_of(found: Sequence[Collected]) -> tuple[str, ...]:
    """Return what is public about how many reported, and who ran leader and helper."""
    # By name: the ids that the tasks are found by are random, and a card is not.
    ordered = sorted(found, key=lambda each: each.release.statistic.name)
    counts = "; ".join(f"{each.release.statistic.name}: {each.about.count:,}" for each in ordered)
    warnings = (f"{DEVELOPMENT}.",) if any(each.about.development for each in found) else ()
    return (f"Installations that reported, which is public: {counts}.", *warnings)
