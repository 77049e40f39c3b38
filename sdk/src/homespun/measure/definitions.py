"""The experiments that are known here: those that the channel signs now, and those that the person is part of.

A definition is kept in the profile from the moment on at which the person met one of its variants, so that the next
start of the application goes on with it before the channel was asked. What the channel does not name any more is
forgotten with what was counted of it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping

from homespun.consent.parts import EXPERIMENTS
from homespun.errors import CollectionError
from homespun.home import Home
from homespun.profile.forgetting import OUTCOMES
from homespun.protocol.experiment import Experiment, encode_experiment, parse_experiment

DEFINITION = "definition "
"""How names of definitions begin in the compartment; the digest follows."""


class Definitions:
    """Known experiments. Thread-safe."""

    def __init__(self, home: Home, published: Callable[[], Mapping[str, bytes] | None]) -> None:
        """Know nothing yet.

        Args:
            home: The person.
            published: Returns the definitions that the channel signs, verified, by their SHA-256; None before it was
                asked.
        """
        self._home = home
        self._published = published
        self._lock = threading.Lock()
        self._named: frozenset[str] | None = None
        self._known: tuple[Experiment, ...] | None = None

    def all(self) -> tuple[Experiment, ...]:
        """Return them, in the order of their start; the earlier one takes a surface before the later one."""
        published = self._published()
        with self._lock:
            if published is not None and frozenset(published) != self._named:
                self._use(_read(published.values()))
                # Only now: what could not be forgotten is tried again.
                self._named = frozenset(published)
            if self._known is None:
                kept = self._home.kept(EXPERIMENTS)
                self._known = _ordered(_read(raw for name, raw in kept.items() if name.startswith(DEFINITION)))
            return self._known

    def use(self, experiments: Iterable[Experiment]) -> None:
        """Know these, and forget all others and what was counted of them."""
        with self._lock:
            self._use(experiments)

    def keep(self, experiment: Experiment) -> None:
        """Keep a definition, because its person met a variant."""
        name = DEFINITION + experiment.digest
        if name not in self._home.kept(EXPERIMENTS):
            self._home.keep(EXPERIMENTS, name, encode_experiment(experiment))

    def _use(self, experiments: Iterable[Experiment]) -> None:
        self._known = _ordered(experiments)
        digests = {experiment.digest for experiment in self._known}
        for name in self._home.kept(EXPERIMENTS):
            prefix = next((prefix for prefix in (DEFINITION, OUTCOMES[1]) if name.startswith(prefix)), None)
            if prefix is not None and name.removeprefix(prefix) not in digests:
                self._home.keep(EXPERIMENTS, name, None)


def _ordered(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    unique = {experiment.digest: experiment for experiment in experiments}
    return tuple(sorted(unique.values(), key=lambda each: (each.starts, each.digest)))


def _read(raws: Iterable[bytes]) -> Iterable[Experiment]:
    for raw in raws:
        # One that this version cannot read is not taken part in.
        with contextlib.suppress(CollectionError):
            yield parse_experiment(raw)
