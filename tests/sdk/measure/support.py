"""A person in an experiment on a machine of their own, whose lists another policy turns around."""

from typing import Any

import homespun as hs
from homespun.protocol.experiment import (
    Answers,
    Counted,
    Diversity,
    Dwells,
    Events,
    Experiment,
    Impressions,
    Sessions,
    Variant,
    statistic_of,
)
from homespun.protocol.experiment.definition import DAY
from tests.sdk.people import BOTH, MEASUREMENT, Machine
from tests.sdk.protocol.collection.support import task
from tests.sdk.protocol.experiment.support import POLICY
from tests.sdk.protocol.experiment.support import experiment as defined

BEGAN = 1_699_920_000
"""Midnight before the moment at which a machine's clock stands first."""

MEASURES = (
    Counted(name="impressions", cap=50, outcome=Impressions()),
    Counted(name="shown", cap=20, outcome=Impressions(of="shown")),
    Counted(name="clicks", cap=4, outcome=Events(kinds=("view",))),
    Counted(name="bought", cap=1, outcome=Events(kinds=("buy",), of="any")),
    Counted(name="hides", cap=5, outcome=Events(kinds=("dismiss",))),
    Counted(name="long", cap=3, outcome=Dwells(at_least=30)),
    Counted(name="sessions", cap=3, outcome=Sessions(at_least=60, below=600)),
    Counted(name="variety", cap=100, outcome=Diversity(field="tags")),
    Counted(name="content", cap=1, outcome=Answers(answers=("yes",))),
)
NAMES = [measure.name for measure in MEASURES]
QUESTION = "Did you find something?"


def variants(control: int, fresh: int) -> tuple[Variant, ...]:
    """Two variants with shares in parts of 10,000."""
    made = (("control", control, None, "The list as it is."), ("fresh", fresh, POLICY, "Rare films first."))
    return tuple(
        Variant(name=name, share=share, policy=policy, text=text) for name, share, policy, text in made if share
    )


def everybody_fresh(**fields: Any) -> Experiment:
    """An experiment in which everybody but one device of ten thousand has the other policy."""
    return turned({"variants": variants(1, 9_999)} | fields)


def everybody_control(**fields: Any) -> Experiment:
    return turned({"variants": variants(9_999, 1)} | fields)


def turned(fields: dict[str, Any]) -> Experiment:
    whole = {"starts": BEGAN, "ends": BEGAN + 14 * DAY, "measures": MEASURES, "layer": None}
    return defined(**{**whole, **fields})


def person(machine: Machine, *experiments: Experiment, **options: Any) -> hs.Personalizer:
    """Start the application of somebody who allows measurement."""
    me = machine.allowed(*BOTH, MEASUREMENT, **options)
    me.experiments.use(experiments)
    return me


def counted(me: hs.Personalizer, place: int = 0) -> dict[str, int]:
    """What is counted of an experiment that runs, without what is zero."""
    return {name: value for name, value in me.experiments.running()[place].counted.items() if value}


def measuring(experiment: Experiment, **fields: Any) -> Any:
    """A task of an experiment."""
    return task(statistic_of(experiment), purpose="measurement", experiment=experiment.digest, **fields)
