"""What a channel asks of its devices: tasks, the items that they count, and experiments, as targets of the channel.

Rules:

- What is asked stays when a bundle is released or taken back, and the other way round.
- A task is checked as devices check it before it is signed, and its items with it. A task that has expired is taken off
  the index when another one is added.
- Taking a task off the index keeps further devices from reporting. What was reported stays with the aggregators.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from homespun.errors import MisuseError
from homespun.protocol.bundle import FileEntry
from homespun.protocol.collection.index import MAX_LISTED
from homespun.protocol.collection.task import (
    CollectionIndex,
    Ref,
    Task,
    encode_index,
    encode_universe,
    experiment_path,
    index_path,
    parse_index,
    parse_task,
    parse_universe,
    task_path,
    universe_path,
)
from homespun.protocol.experiment import Experiment, parse_experiment
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.files import Step, is_there, write
from homespun_server.publishing.repository.layout import Layout

Read = Callable[[str, FileEntry], bytes]
"""From a target's path and what is signed of it to its bytes."""


@dataclass(frozen=True)
class Asked:
    """What a channel asks of its devices.

    Attributes:
        contents: The bytes of every target but the index, by target path.
        tasks: The tasks, by their id in hexadecimal, in the order of the index.
        experiments: The experiments, by their digest, in the order of the index.
    """

    contents: Mapping[str, bytes]
    tasks: Mapping[str, Task]
    experiments: Mapping[str, Experiment]


NOTHING = Asked({}, {}, {})


def entries_of(files: Mapping[str, FileEntry], channel: str) -> dict[str, FileEntry]:
    """Return those of a channel's targets that are about what it asks: the index, and what has a name of theirs."""
    names = {path(channel, "").rpartition("/")[2] for path in (task_path, experiment_path, universe_path)}
    return {
        path: entry for path, entry in files.items() if path == index_path(channel) or path.rpartition("/")[2] in names
    }


def asked_of(files: Mapping[str, FileEntry], channel: str, read: Read) -> Asked:
    """Return what a channel asks, by its targets.

    Raises:
        CollectionError: The index, a task or its items are not what they should be.
        RepositoryError: The index leads to what is not signed.
    """
    own = entries_of(files, channel)
    if index_path(channel) not in own:
        return NOTHING
    contents = {path: read(path, entry) for path, entry in own.items()}
    index = parse_index(contents.pop(index_path(channel)))
    try:
        tasks = {ref.sha256: parse_task(contents[task_path(channel, ref.sha256)]) for ref in index.tasks}
        experiments = {
            ref.sha256: parse_experiment(contents[experiment_path(channel, ref.sha256)]) for ref in index.experiments
        }
        for task in tasks.values():
            _check_items(task, contents, channel)
    except KeyError as error:
        raise RepositoryError(f"the index of {channel!r} leads to {error}, which is not signed.") from error
    return Asked(contents, tasks, experiments)


def with_task(asked: Asked, channel: str, task: Task, raw: bytes, ids: tuple[str, ...], now: float) -> Asked:
    """Return what is asked with one more task, and without those that have expired.

    Args:
        asked: What is asked.
        channel: The channel.
        task: The task.
        raw: Its canonical JSON.
        ids: The ids of the items that it counts, in order; empty where it counts none.
        now: Seconds since 1970.

    Raises:
        MisuseError: It is there, has expired, measures an experiment that is not, or there is no room.
        CollectionError: The items are not those that it declares.
    """
    name = hashlib.sha256(raw).hexdigest()
    if task.expires <= now or name in asked.tasks:
        raise MisuseError(f"the task {task.name} has expired or is published already; nothing was published.")
    if task.experiment is not None and task.experiment not in asked.experiments:
        raise MisuseError(f"{task.name} measures an experiment that {channel!r} does not have; publish that one first.")
    contents = {**asked.contents, task_path(channel, name): raw}
    if task.statistic.universe.digest is not None:
        items = encode_universe(ids)
        parse_universe(items, task.statistic)
        contents[universe_path(channel, task.statistic.universe.digest)] = items
    current = {each: known for each, known in asked.tasks.items() if known.expires > now}
    return _tidied(Asked(contents, {**current, name: task}, asked.experiments), channel)


def with_experiment(asked: Asked, channel: str, raw: bytes) -> Asked:
    """Return what is asked with one more experiment.

    Raises:
        MisuseError: It is there already, or there is no room.
        CollectionError: It is none.
    """
    name = hashlib.sha256(raw).hexdigest()
    if name in asked.experiments:
        raise MisuseError("the experiment is published already; nothing was published.")
    experiments = {**asked.experiments, name: parse_experiment(raw)}
    contents = {**asked.contents, experiment_path(channel, name): raw}
    return _tidied(Asked(contents, asked.tasks, experiments), channel)


def without(asked: Asked, channel: str, name: str) -> Asked:
    """Return what is asked without a task or an experiment, by the start of its digest.

    Raises:
        MisuseError: There is none of that name, several, or an experiment is measured by a task that is there.
    """
    found = named(asked, name)
    if any(task.experiment == found for task in asked.tasks.values()):
        raise MisuseError(f"a task measures the experiment {found[:12]}; take that task off first.")
    tasks = {each: task for each, task in asked.tasks.items() if each != found}
    experiments = {each: one for each, one in asked.experiments.items() if each != found}
    return _tidied(Asked(asked.contents, tasks, experiments), channel)


def named(asked: Asked, name: str) -> str:
    """Return the digest that begins with ``name``.

    Raises:
        MisuseError: None does, or several.
    """
    found = [each for each in (*asked.tasks, *asked.experiments) if name and each.startswith(name)]
    if len(found) != 1:
        raise MisuseError(f"{len(found)} tasks and experiments begin with {name!r}; see task list.")
    return found[0]


def put(asked: Asked, channel: str, layout: Layout, step: Step) -> dict[str, FileEntry]:
    """Write what is asked where devices look for it, and return it as targets.

    Raises:
        OSError: If it cannot be written.
    """
    index = CollectionIndex(
        tasks=_refs(asked.contents[task_path(channel, name)] for name in asked.tasks),
        experiments=_refs(asked.contents[experiment_path(channel, name)] for name in asked.experiments),
    )
    contents = {**asked.contents, index_path(channel): encode_index(index)}
    entries = {path: _entry(raw) for path, raw in contents.items()}
    for path, entry in entries.items():
        place = layout.target(path, entry.sha256)
        if not is_there(place, entry):
            write(place, contents[path], step, f"asked {path.rpartition('/')[2]}")
    return entries


def _tidied(asked: Asked, channel: str) -> Asked:
    """Return the same without the bytes of what is asked no more."""
    if max(len(asked.tasks), len(asked.experiments)) > MAX_LISTED:
        raise MisuseError(f"a channel asks at most {MAX_LISTED} tasks and experiments; take some off first.")
    kept = {task_path(channel, name) for name in asked.tasks}
    kept |= {experiment_path(channel, name) for name in asked.experiments}
    kept |= {universe_path(channel, task.statistic.universe.digest or "") for task in asked.tasks.values()}
    return Asked({path: raw for path, raw in asked.contents.items() if path in kept}, asked.tasks, asked.experiments)


def _check_items(task: Task, contents: Mapping[str, bytes], channel: str) -> None:
    digest = task.statistic.universe.digest
    if digest is not None:
        parse_universe(contents[universe_path(channel, digest)], task.statistic)


def _refs(contents: Iterable[bytes]) -> tuple[Ref, ...]:
    return tuple(Ref(sha256=entry.sha256, size=entry.size) for entry in map(_entry, contents))


def _entry(raw: bytes) -> FileEntry:
    return FileEntry(size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
