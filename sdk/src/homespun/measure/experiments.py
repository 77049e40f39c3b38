"""``Personalizer.experiments``: which experiments run here, and what is counted of them."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from homespun.consent.parts import EXPERIMENTS
from homespun.errors import ClosedError, CollectionError, MisuseError, ProfileError
from homespun.home import Home
from homespun.measure import log as counting
from homespun.measure.definitions import Definitions
from homespun.measure.first_days import FirstDays
from homespun.measure.log import Log
from homespun.measure.meeting import Meeting, Running
from homespun.measure.variety import variety_of
from homespun.model.bundle import Bundle
from homespun.profile.forgetting import OUTCOMES
from homespun.protocol.collection.task import Task
from homespun.protocol.events import Event
from homespun.protocol.experiment import Diversity, Events, Experiment, Survey, statistic_of, variant_of
from homespun.protocol.statistics.encoding import encode_variants
from homespun.protocol.statistics.grid import Integers

_LEFT = "left"
"""Name under which it is kept that the person wants to be in no experiment."""

_LONGEST_SECONDS = 366 * 86_400.0


class Experiments:
    """What runs here and what is counted. Thread-safe; without consent to measurement nothing runs or is counted."""

    def __init__(
        self,
        home: Home,
        seed: Callable[[], bytes | None],
        published: Callable[[], Mapping[str, bytes] | None] = lambda: None,
    ) -> None:
        """Use ``Personalizer.experiments``.

        Args:
            home: The person.
            seed: Returns the device's secret; None where nothing may be stored.
            published: Returns the definitions that the channel signs, verified, by their SHA-256; None before it was
                asked.
        """
        self._home = home
        self._seed = seed
        self._definitions = Definitions(home, published)
        self._first_days = FirstDays(home)
        self._problem = ""

    @property
    def problem(self) -> str:
        """What was last wrong where a list or an event could not be counted; empty if nothing was.

        The list was made and the event was recorded all the same.
        """
        return self._problem

    def use(self, experiments: Iterable[Experiment]) -> None:
        """Run these experiments, and forget all others with what was counted of them.

        With ``contributions`` given to ``Personalizer.open`` those of the channel are used, and this is not needed.

        Args:
            experiments: Definitions that the application vouches for.

        Raises:
            MisuseError: One is none.
            ClosedError, ProfileError: See the classes.
        """
        wanted = list(experiments)
        for each in wanted:
            if not isinstance(each, Experiment):
                raise MisuseError(f"an experiment is of type {type(each).__name__}; read it with parse_experiment.")
        self._definitions.use(wanted)

    def running(self) -> list[Running]:
        """Return the experiments that this device is part of now, for the person to see.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        kept = self._kept()
        return [self._told(meeting, kept) for meeting in self._assigned(kept)]

    def questions(self) -> list[Survey]:
        """Return the questions that may be asked now: of experiments whose variant the person met, not answered yet."""
        return [each.survey for each in self.running() if each.survey is not None and each.met is not None]

    def answer(self, question: str, choice: str) -> bool:
        """Count the person's answer to a question, once.

        Args:
            question: The question's text.
            choice: One of its answers.

        Returns:
            Whether there is such a question now and nothing forbids to count.

        Raises:
            MisuseError: It is none of the question's answers.
            ClosedError, ProfileError: See the classes.
        """
        asked = [each for each in self._open() if each.survey is not None and each.survey.question == question]
        for each in asked:
            if each.survey is not None and choice not in each.survey.answers:
                raise MisuseError(f"{choice!r} is no answer; choose from {', '.join(each.survey.answers)}.")
        return self._count(lambda log, each: counting.answered(log, each, choice, self._home.now()), asked)

    def shown(self, items: Iterable[str]) -> bool:
        """Count that items of lists were on the screen; return whether anything may be counted.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        seen = list(items)
        return self._count(lambda log, each: counting.items_shown(log, each, seen, self._home.now()))

    def dwell(self, item: str, seconds: float) -> bool:
        """Count how long the person stayed with an item; return whether anything may be counted.

        Raises:
            MisuseError: ``seconds`` is no length of time.
            ClosedError, ProfileError: See the classes.
        """
        length = _seconds(seconds)
        return self._count(lambda log, each: counting.dwelled(log, each, item, length, self._home.now()))

    def session(self, seconds: float) -> bool:
        """Count that a session ended; return whether anything may be counted. Raises as ``dwell``."""
        length = _seconds(seconds)
        return self._count(lambda log, each: counting.session_ended(log, each, length, self._home.now()))

    def leave(self) -> bool:
        """Take part in no experiment, from now on, and forget what was counted.

        Where nothing may be counted now, the person is in none anyway, and the wish is not kept.

        Returns:
            Whether it was kept.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        if not self._home.keep(EXPERIMENTS, _LEFT, b"1"):
            return False
        for name in self._home.kept(EXPERIMENTS):
            if name != _LEFT:
                self._home.keep(EXPERIMENTS, name, None)
        return True

    def join(self) -> bool:
        """Take part again after ``leave``; return whether anything may be counted now. Raises as ``leave``."""
        return self._home.keep(EXPERIMENTS, _LEFT, None)

    def meeting(self, surface: str, bundle: Bundle, is_usable: Callable[[Experiment], bool]) -> Meeting | None:
        """Return by which variant a surface's next list is to be made; None: as the device does anyway.

        Args:
            surface: The surface.
            bundle: What the list would be made from.
            is_usable: Whether a list of the surface could be made by every variant of an experiment; where one of them
                cannot be used here, none of them is, so that who is counted does not depend on the variant.
        """
        for found in self._meetings():
            wanted = found.variant.bundle
            if surface in found.experiment.surfaces and wanted in (None, bundle.id) and is_usable(found.experiment):
                return found
        return None

    def _meetings(self) -> list[Meeting]:
        with self._trying():
            if self._definitions.all() and self._home.permits(EXPERIMENTS):
                return self._assigned(self._kept())
        return []

    def settle(self) -> None:
        """Forget for good what the channel was found not to name any more; the next start then does not go on with it.

        What cannot be forgotten now is with the next look for tasks.
        """
        with self._trying():
            self._definitions.all()

    def list_made(self, meeting: Meeting, items: Sequence[str], bundle: Bundle) -> None:
        """Count that a list was really made by a variant, from which moment on the person met it.

        The list stands, whatever becomes of the count: see ``problem``.
        """
        with self._trying():
            self._count_list(meeting, items, bundle)

    def _count_list(self, meeting: Meeting, items: Sequence[str], bundle: Bundle) -> None:
        now, experiment = self._home.now(), meeting.experiment
        known = _read(self._kept().get(_name(experiment)))
        if known is None:
            self._definitions.keep(experiment)
        day = self._first_days.of(experiment, now) if known is None else known.day
        fields = {each.outcome.field for each in experiment.measures if isinstance(each.outcome, Diversity)}
        varieties = {field: variety_of(bundle, items, field) for field in fields}

        def change(raw: bytes | None) -> bytes:
            log = counting.met(_read(raw), meeting.variant.name, now, day)
            counting.list_made(log, experiment, list(items), varieties, now)
            return msgspec.json.encode(log)

        self._home.rekeep(EXPERIMENTS, _name(experiment), change)

    def happened(self, events: Sequence[Event]) -> None:
        """Count events, as far as an experiment counts their kinds.

        The events stand, whatever becomes of the count: see ``problem``.
        """

        def count(log: Log, experiment: Experiment) -> None:
            counting.happened(log, experiment, events, self._home.now())

        with self._trying():
            self._count(count, self._open({event.kind for event in events}))

    def vector_of(self, task: Task) -> Integers:
        """Return what this installation adds to a task that measures an experiment.

        Zeros where the person met no variant, or nothing may be counted: that a report arrives tells nothing.

        Args:
            task: The task.

        Returns:
            int64 [statistic.size], grid steps, of an L2 norm of at most the statistic's bound.

        Raises:
            CollectionError: Its experiment is not known here, or it asks for other sums than the definition says.
            ClosedError, ProfileError: See the classes.
        """
        experiment = next((each for each in self._definitions.all() if each.digest == task.experiment), None)
        if experiment is None:
            raise CollectionError(f"{task.name}: the experiment that it measures is not published; nothing is sent.")
        if task.statistic.transformation != statistic_of(experiment).transformation:
            raise CollectionError(
                f"{task.name}: it asks for other sums than the experiment {experiment.name} says; nothing is sent."
            )
        log = _read(self._kept().get(_name(experiment)))
        variant, values = counting.tally(log, experiment, task.events_from, task.events_until)
        return encode_variants(task.statistic, variant, values)

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        """Count beside what the application asked for, which does not fail because of it."""
        try:
            yield
        except (ProfileError, ClosedError) as error:
            self._problem = f"{type(error).__name__}: {error}"

    def _kept(self) -> dict[str, bytes]:
        return self._home.kept(EXPERIMENTS)

    def _assigned(self, kept: Mapping[str, bytes]) -> list[Meeting]:
        """Return the experiments that run now and that this device is in, if it may be in any."""
        now = self._home.now()
        current = [each for each in self._definitions.all() if each.starts <= now < each.ends]
        if not current or _LEFT in kept or not self._home.permits(EXPERIMENTS):
            return []
        seed = self._seed()
        if seed is None:
            return []
        places = [(each, variant_of(each, seed)) for each in current]
        return [Meeting(each, each.variants[place]) for each, place in places if place is not None]

    def _told(self, meeting: Meeting, kept: Mapping[str, bytes]) -> Running:
        experiment, log = meeting.experiment, _read(kept.get(_name(meeting.experiment)))
        _, values = counting.tally(log, experiment, None, None)
        names = [measure.name for measure in experiment.measures]
        return Running(
            name=experiment.name,
            text=experiment.text,
            variant=meeting.variant.name,
            variant_text=meeting.variant.text,
            starts=experiment.starts,
            ends=experiment.ends,
            met=None if log is None else log.first,
            counted=dict(zip(names, values, strict=False)),
            survey=None if log is not None and log.answered else experiment.survey,
        )

    def _open(self, kinds: set[str] | None = None) -> list[Experiment]:
        """Return the experiments that run now and, if kinds of events are given, count one of them."""
        now = self._home.now()
        current = [each for each in self._definitions.all() if each.starts <= now < each.ends]
        return [each for each in current if kinds is None or not kinds.isdisjoint(_kinds(each))]

    def _count(self, count: Callable[[Log, Experiment], None], among: Iterable[Experiment] | None = None) -> bool:
        changed = [self._change(each, count) for each in (self._open() if among is None else among)]
        return any(changed)

    def _change(self, experiment: Experiment, count: Callable[[Log, Experiment], None]) -> bool:
        """Change what was counted of an experiment, if its person met a variant and nothing forbids it."""
        # Who met none is not worth a transaction.
        if _read(self._kept().get(_name(experiment))) is None:
            return False
        found = False

        def change(raw: bytes | None) -> bytes | None:
            nonlocal found
            log = _read(raw)
            found = log is not None
            if log is None:
                return raw
            count(log, experiment)
            return msgspec.json.encode(log)

        return self._home.rekeep(EXPERIMENTS, _name(experiment), change) and found


def _name(experiment: Experiment) -> str:
    return OUTCOMES[1] + experiment.digest


def _read(raw: bytes | None) -> Log | None:
    """Return a log; one that cannot be read, for instance of another version, counts as none."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Log)
    except msgspec.MsgspecError:
        return None


def _kinds(experiment: Experiment) -> set[str]:
    return {kind for each in experiment.measures if isinstance(each.outcome, Events) for kind in each.outcome.kinds}


def _seconds(seconds: float) -> float:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not is_number or not 0 <= seconds <= _LONGEST_SECONDS:
        raise MisuseError(f"seconds is {seconds!r}; give a length of time, from 0 up.")
    return float(seconds)
