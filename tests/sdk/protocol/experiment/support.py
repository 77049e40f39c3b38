"""An experiment for tests: another order of the home list, with clicks over impressions as what decides."""

from typing import Any

from homespun.protocol.experiment import (
    Answers,
    Counted,
    Diversity,
    Events,
    Experiment,
    Guardrail,
    Impressions,
    Layer,
    Mean,
    Ratio,
    Share,
    Survey,
    Variant,
    buckets,
)

STARTS = 1_700_006_400
"""Midnight, so that days are the calendar's."""

DAY = 86_400
POLICY = (
    '{"schema": 1, "name": "fresh", "surfaces": {"home": {"stages": '
    '[{"stage": "candidates", "pool": 200}, {"stage": "popularity", "dial": -1}]}}}'
)

MEASURES = (
    Counted(name="impressions", cap=50, outcome=Impressions()),
    Counted(name="clicks", cap=20, outcome=Events(kinds=("view",))),
    Counted(name="bought", cap=1, outcome=Events(kinds=("buy",), of="any")),
    Counted(name="hides", cap=5, outcome=Events(kinds=("dismiss",))),
    *buckets("dwell", (0, 10, 60), 20),
    Counted(name="variety", cap=100, outcome=Diversity(field="genre")),
    Counted(name="content", cap=1, outcome=Answers(answers=("yes",))),
)


def experiment(**fields: Any) -> Experiment:
    whole = {
        "name": "fresh-home",
        "text": "Whether newer films at the top of the first page are chosen more often.",
        "hypotheses": ("People choose more when newer films come first.",),
        "salt": "0123456789abcdef" * 2,
        "starts": STARTS,
        "ends": STARTS + 14 * DAY,
        "surfaces": ("home",),
        "variants": (
            Variant(name="control", share=5_000, text="The list as it is."),
            Variant(name="fresh", share=5_000, text="Newer films first.", policy=POLICY),
        ),
        "measures": MEASURES,
        "metrics": (
            Ratio(name="ctr", above="clicks", below="impressions"),
            Share(name="conversion", measure="bought"),
            Mean(name="hides-per-person", measure="hides", good="less"),
        ),
        "primary": "ctr",
        "effect": "0.05",
        "guardrails": (Guardrail(metric="hides-per-person", worst="0.1"),),
        "layer": Layer(name="home", slots=10_000),
        "survey": Survey(question="Did you find something?", answers=("yes", "no")),
    }
    return Experiment(**{**whole, **fields})
