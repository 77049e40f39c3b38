"""Makes a batch of recorded lists again, on all processors, and says which do not come out as they were recorded.

Lines are read as they are needed, a few batches ahead; a process opens each bundle once. What cannot be read counts as
failed like what comes out otherwise, and one bad line stops nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from homespun.errors import RecordError
from homespun.explain.verifying import Verifier
from homespun.model.bundle import Bundle
from homespun.protocol.policy import parse_policy
from homespun_server.compliance.explanations.reading import lines_of, parse_given

BATCH = 100
"""Records that are handed to a process at once."""

AHEAD = 3
"""Batches that wait for each process."""

Observer = Callable[[str, int, int], None]

_STEP = "verify"


@dataclass(frozen=True)
class Failure:
    """A record that did not come out.

    Attributes:
        number: Its line, from 1.
        case: The support case, or else the beginning of the record's digest; empty where it could not be read.
        problem: What is wrong with it.
    """

    number: int
    case: str
    problem: str


@dataclass(frozen=True)
class Verified:
    """What became of a batch.

    Attributes:
        records: How many records there were.
        items: How many items they list.
        failures: Those that did not come out.
    """

    records: int
    items: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Sources:
    """What records are verified with; plain data, so that it goes to other processes.

    Attributes:
        bundles: Folders of bundles.
        policies: Policies as JSON, beside the bundles' own.
    """

    bundles: tuple[Path, ...]
    policies: tuple[bytes, ...] = ()


class BatchVerifier:
    """Verifies records of several bundles."""

    def __init__(self, sources: Sources) -> None:
        """Open the bundles; ``close`` closes them.

        Raises:
            BundleError: One is damaged.
        """
        policies = [parse_policy(raw, "a policy") for raw in sources.policies]
        self._stack = ExitStack()
        self._verifiers: dict[str, Verifier] = {}
        for folder in sources.bundles:
            bundle = self._stack.enter_context(closing(Bundle.open(folder)))
            self._verifiers[bundle.id] = Verifier(bundle, policies)

    def close(self) -> None:
        """Close the bundles."""
        self._stack.close()

    def verified(self, first: int, lines: Iterable[bytes]) -> Verified:
        """Verify lines, the first of which has the number ``first``."""
        failures: list[Failure] = []
        records = items = 0
        for number, line in enumerate(lines, first):
            records += 1
            case = ""
            try:
                given = parse_given(number, line)
                case = given.case or given.record.digest[:12]
                items += len(given.record.items)
                self._verifier(given.record.bundle).check(given.record)
            except RecordError as error:
                failures.append(Failure(number, case, str(error)))
        return Verified(records, items, tuple(failures))

    def _verifier(self, bundle: str) -> Verifier:
        found = self._verifiers.get(bundle)
        if found is None:
            raise RecordError(f"the list was made with the bundle {bundle[:12]}, which was not given; name its folder.")
        return found


def verify_batch(path: Path, sources: Sources, *, processes: int = 1, observer: Observer = lambda *_: None) -> Verified:
    """Make every list of a file again.

    Args:
        path: Records, a line of JSON each.
        sources: The bundles and policies.
        processes: How many work at once; 1: this one alone.
        observer: Called with (step, bytes done, bytes in all).

    Raises:
        BundleError: A bundle is damaged.
        MisuseError: The file cannot be read.
        RecordError: It is no file of records.
    """
    first = BatchVerifier(sources)  # also where other processes work: what is damaged is told before they start
    try:
        batches = _batches(path, observer)
        done = _alone(batches, first) if processes == 1 else _together(batches, sources, processes)
        found = tuple(done)
    finally:
        first.close()
    return Verified(
        sum(each.records for each in found),
        sum(each.items for each in found),
        tuple(failure for each in found for failure in each.failures),
    )


def _batches(path: Path, observer: Observer) -> Iterator[tuple[int, Sequence[bytes]]]:
    number, read = 1, 0
    there = lines_of(path)
    while lines := tuple(islice(there, BATCH)):
        yield number, lines
        number += len(lines)
        read += sum(map(len, lines))
        observer(_STEP, read, path.stat().st_size)


def _alone(batches: Iterable[tuple[int, Sequence[bytes]]], verifier: BatchVerifier) -> Iterator[Verified]:
    for number, lines in batches:
        yield verifier.verified(number, lines)


def _together(batches: Iterable[tuple[int, Sequence[bytes]]], sources: Sources, processes: int) -> Iterator[Verified]:
    waiting: deque[Future[Verified]] = deque()
    # Spawned, not forked: model runtimes have threads.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for number, lines in batches:
            waiting.append(pool.submit(_work, sources, number, lines))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@lru_cache(maxsize=1)
def _opened(sources: Sources) -> BatchVerifier:
    """Return this process's verifier; the bundles stay open as long as the process works."""
    return BatchVerifier(sources)


def _work(sources: Sources, number: int, lines: Sequence[bytes]) -> Verified:
    return _opened(sources).verified(number, lines)
