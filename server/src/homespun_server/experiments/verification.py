"""Whether the analysis keeps its promises: simulated experiments of which the truth is known.

Every figure is a share of simulated experiments, so it is uncertain itself; ``Share`` says how much. An interval that
the noise does not allow counts as holding the truth, because it excludes nothing.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun_server.experiments.looks import Method, Sums, look_after
from homespun_server.experiments.mismatch import mismatch_p
from homespun_server.experiments.power import Request, power_of
from homespun_server.experiments.ratios import Bounds, interval
from homespun_server.experiments.trials import (
    AGGREGATORS,
    BOUGHT,
    CELLS,
    CLICKS,
    IMPRESSIONS,
    Trials,
    World,
    simulate,
)

ALPHA = 0.05
POWER = 0.8
SEED = 20_240_229

METRICS = {
    "impressions per person": (IMPRESSIONS, 0),
    "share who buy": (BOUGHT, 0),
    "clicks per impression": (CLICKS, IMPRESSIONS),
}
"""Places of what is summed above and below, by name."""

_EFFECTS = World(clicks=(0.2, 0.22), bought=(0.1, 0.13))
_UNEQUAL = World(shares=(0.46, 0.54))
_TWO_SIDED_99 = 2.576

NAMES = {
    Method.FIXED: "fixed intervals, wrongly",
    Method.MIXTURE: "always valid for other people",
    Method.SPENDING: "always valid for all",
}
"""What methods are called where they are compared."""

Promise = Literal["just", "at most", "at least"]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of simulated experiments.

    Attributes:
        group: What is measured.
        what: Of which experiments.
        share: How many of them.
        trials: How many were simulated.
        promised: What was promised of the share; None: nothing, it is there to compare with.
        promise: Whether it is to be just that, at most that or at least that.
        without: Share of experiments in which the noise allowed no interval.
    """

    group: str
    what: str
    share: float
    trials: int
    promised: float | None = None
    promise: Promise = "just"
    without: float = 0.0

    @property
    def error(self) -> float:
        """Half the width of a 99% interval around what was promised, by chance in so many trials."""
        rate = self.share if self.promised is None else self.promised
        return _TWO_SIDED_99 * sqrt(rate * (1 - rate) / self.trials)

    @property
    def kept(self) -> bool | None:
        """Whether the promise was kept, chance aside; None: there is none."""
        if self.promised is None:
            return None
        above, below = self.share - self.promised, self.promised - self.share
        return (self.promise == "at least" or above <= self.error) and (
            self.promise == "at most" or below <= self.error
        )


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated.

    Attributes:
        people: Exposed people of an experiment, over both variants and all windows.
        epsilon: None: without noise.
        windows: How many windows are looked at, one by one.
        trials: How many experiments of each sort.
        seed: Of people and noise.
    """

    people: int
    epsilon: float | None
    windows: int = 5
    trials: int = 1000
    seed: int = SEED


def verify(setting: Setting) -> tuple[Share, ...]:
    """Simulate all that is promised in one setting."""
    rng = np.random.default_rng(setting.seed)
    return (
        *coverage(setting, rng),
        *looking(setting, rng),
        *mismatches(setting, rng),
        *power_shown(setting, rng),
    )


def coverage(setting: Setting, rng: np.random.Generator) -> Iterator[Share]:
    """Yield how often fixed intervals hold the truth, of experiments with an effect."""
    found = _simulated(_EFFECTS, setting, rng, windows=1)
    truths = {
        IMPRESSIONS: (_EFFECTS.seen, _EFFECTS.seen),
        BOUGHT: _EFFECTS.bought,
        CLICKS: _EFFECTS.clicks,
    }
    for name, (above, below) in METRICS.items():
        look = look_after(_pair(found), above, below, look=1, alpha=ALPHA, method=Method.FIXED, planned=1)
        before, after = truths[above]
        yield _held(f"{name}: of the variant", interval(look.treated, look.factor), after)
        yield _held(f"{name}: difference", look.difference, after - before)
        yield _held(f"{name}: relative uplift", look.relative, after / before - 1)


def looking(setting: Setting, rng: np.random.Generator) -> Iterator[Share]:
    """Yield how often looking at every window finds a difference between equal variants."""
    for returning in (False, True):
        found = _simulated(World(), setting, rng, windows=setting.windows, returning=returning)
        who = "the same people each time" if returning else "other people each time"
        # Told that people return, the same sums get the wider intervals that allow for it.
        for method, told in ((Method.FIXED, False), (Method.MIXTURE, False), (Method.SPENDING, True)):
            valid = method is Method.SPENDING or (method is Method.MIXTURE and not returning)
            yield Share(
                group=f"equal variants: a difference at any of {setting.windows} looks",
                what=f"{who}: {NAMES[method]}",
                share=float(np.mean(alarms(_pair(found, repeating=told), method, setting.windows))),
                trials=setting.trials,
                promised=ALPHA if valid else None,
                promise="at most",
            )


def alarms(sums: Sums, method: Method, windows: int) -> NDArray[np.bool_]:
    """Return in which experiments any look at the share who buy excluded 0."""
    above, below = METRICS["share who buy"]
    raised = np.zeros(sums.control.shape[0], bool)
    for number in range(1, windows + 1):
        look = look_after(sums, above, below, look=number, alpha=ALPHA, method=method, planned=windows)
        raised |= excludes_none(look.difference)
    return raised


def mismatches(setting: Setting, rng: np.random.Generator) -> Iterator[Share]:
    """Yield how often a mismatch is found where there is none, and where there is one."""
    shares = np.array([0.5, 0.5])
    for world, what, promised in (
        (World(), "shares are 50% and 50%", ALPHA),
        (_UNEQUAL, "shares are 46% and 54%", None),
    ):
        found = _simulated(world, setting, rng, windows=1)
        p = mismatch_p(found.sums[:, :, :, 0, 0].swapaxes(1, 2), shares, found.noise)
        share = float(np.mean(p < ALPHA))
        yield Share(
            group="sample-ratio mismatch found at 5%", what=what, share=share, trials=setting.trials, promised=promised
        )


def power_shown(setting: Setting, rng: np.random.Generator) -> Iterator[Share]:
    """Yield how often the least effect that is planned to be shown is shown."""
    base = World().bought[0]
    request = Request(
        people=setting.people,
        base=base,
        deviation=None,
        effect=0.01,
        epsilon=setting.epsilon,
        cells=CELLS,
        sequential=False,
        alpha=ALPHA,
        power=POWER,
        aggregators=AGGREGATORS,
    )
    effect = power_of(request).effect
    if effect is None or base + effect >= 1:
        return
    found = _simulated(World(bought=(base, base + effect)), setting, rng, windows=1)
    above, below = METRICS["share who buy"]
    look = look_after(_pair(found), above, below, look=1, alpha=ALPHA, method=Method.FIXED, planned=1)
    yield Share(
        group="an effect that is planned to be shown is",
        what=f"{effect:.2%} on {base:.0%} who buy",
        share=float(np.mean(look.difference.low > 0)),
        trials=setting.trials,
        promised=POWER,
    )


def excludes_none(bounds: Bounds) -> NDArray[np.bool_]:
    """Return where an interval lies on one side of 0."""
    return (bounds.low > 0) | (bounds.high < 0)


def _held(what: str, bounds: Bounds, truth: float) -> Share:
    missed = (truth < bounds.low) | (truth > bounds.high)
    without = float(np.mean(np.isnan(bounds.low)))
    return Share(
        group="95% interval holds the truth",
        what=what,
        share=float(1 - np.mean(missed)),
        trials=missed.size,
        promised=1 - ALPHA,
        # Where some experiments have no interval at all, that is as if it held the truth.
        promise="at least" if without else "just",
        without=without,
    )


def _simulated(
    world: World, setting: Setting, rng: np.random.Generator, *, windows: int, returning: bool = False
) -> Trials:
    return simulate(
        world,
        people=setting.people,
        windows=windows,
        trials=setting.trials,
        epsilon=setting.epsilon,
        rng=rng,
        returning=returning,
    )


def _pair(found: Trials, *, repeating: bool = False) -> Sums:
    return Sums(found.sums[:, 0], found.sums[:, 1], found.noise, repeating)
