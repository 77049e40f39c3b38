"""Experiments: what is compared, on which devices, what is counted, and the statistic that follows from it.

A definition (``definition``) is published signed, before it begins; which variant a device is in follows from it and a
secret of the device (``assignment``); what is counted (``outcomes``) leaves as bounded sums only; what is concluded
(``metrics``) is fixed beforehand.

Pure, as all of the protocol. What a device does with it is decided elsewhere (``homespun.measure``).
"""

from homespun.protocol.experiment.assignment import variant_of
from homespun.protocol.experiment.definition import (
    Experiment,
    Holdout,
    Layer,
    Variant,
    encode_experiment,
    parse_experiment,
    statistic_of,
)
from homespun.protocol.experiment.metrics import Guardrail, Mean, Metric, Ratio, Share
from homespun.protocol.experiment.outcomes import (
    PEOPLE,
    Answers,
    Counted,
    Diversity,
    Dwells,
    Events,
    Impressions,
    Outcome,
    Sessions,
    Survey,
    buckets,
)

__all__ = [
    "PEOPLE",
    "Answers",
    "Counted",
    "Diversity",
    "Dwells",
    "Events",
    "Experiment",
    "Guardrail",
    "Holdout",
    "Impressions",
    "Layer",
    "Mean",
    "Metric",
    "Outcome",
    "Ratio",
    "Sessions",
    "Share",
    "Survey",
    "Variant",
    "buckets",
    "encode_experiment",
    "parse_experiment",
    "statistic_of",
    "variant_of",
]
