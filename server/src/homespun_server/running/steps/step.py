"""The steps that are kept, and what decides about the result of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from homespun_server.running.asked import Asked
from homespun_server.running.job import Job
from homespun_server.running.keys import key_of
from homespun_server.running.options import counted
from homespun_server.running.steps.bundle import bundle
from homespun_server.running.steps.evaluate import evaluate
from homespun_server.running.steps.gates import judge
from homespun_server.running.steps.ingest import ingest
from homespun_server.running.steps.release import release
from homespun_server.running.steps.statistics import settle
from homespun_server.running.steps.train import train

Parameters = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that is kept.

    Attributes:
        name: Its name.
        what: What it does, in a few words.
        make: Fills a folder.
        after: The steps that it is made from.
        asked: What it was asked, as plain data.
        revision: Raised when it does something else than before.
        by_code: Whether another version of this program or of a library makes it anew. Not up to the release, so
            that an update costs people nothing there. What is measured is about one model and is made anew; where
            that would spend ``metrics_epsilon`` once more, the run stops and asks.
        reads_people: Whether it reads the table about people.
    """

    name: str
    what: str
    make: Callable[[Job, Path], None]
    after: tuple[str, ...]
    asked: Callable[[Asked], Parameters]
    revision: int = 1
    by_code: bool = True
    reads_people: bool = False

    def key(self, asked: Asked, keys: dict[str, str]) -> str:
        """Return its key, given those of earlier steps."""
        return key_of(
            self.name,
            revision=self.revision,
            code=asked.code if self.by_code else {},
            parameters=self.asked(asked),
            inputs={name: keys[name] for name in self.after},
        )


def _ingested(asked: Asked) -> Parameters:
    inputs = _plain(asked.pipeline.inputs)
    return {
        **{name: value for name, value in inputs.items() if name not in ("interactions", "items")},
        "table": asked.files.digests["interactions"],
        "catalogue": asked.files.digests["items"],
        "private": not asked.pipeline.fit.non_private,
    }


def _released(asked: Asked) -> Parameters:
    fit, ledger = asked.pipeline.fit, asked.pipeline.ledger
    return {
        "epsilon": fit.epsilon,
        "delta": fit.delta,
        "non_private": fit.non_private,
        "data_set": None if ledger is None else ledger.data_set,
    }


def _trained(asked: Asked) -> Parameters:
    fit = {name: value for name, value in _plain(asked.pipeline.fit).items() if name != "metrics_epsilon"}
    files = {name: asked.files.digests[name] for name in asked.files.others}
    return {"name": asked.pipeline.name, "fit": fit, "files": files}


def _evaluated(asked: Asked) -> Parameters:
    epsilon = asked.pipeline.fit.metrics_epsilon
    return {"evaluation": _plain(asked.pipeline.evaluation), "metrics_epsilon": epsilon, "parent": asked.parent}


def _judged(asked: Asked) -> Parameters:
    return {
        "gates": _plain(asked.pipeline.gates),
        "channel": asked.pipeline.channel,
        "overrides": [_plain(override) for override in asked.overrides],
    }


def _plain(structure: msgspec.Struct) -> Parameters:
    found: Parameters = msgspec.to_builtins(structure)
    return found


STEPS = (
    Step(
        name="ingest",
        what="read and check the tables",
        make=ingest,
        after=(),
        asked=_ingested,
        by_code=False,
        reads_people=True,
    ),
    Step(
        name="statistics",
        what="settle what is counted",
        make=settle,
        after=("ingest",),
        asked=lambda asked: counted(asked.options),
        by_code=False,
    ),
    Step(
        name="release",
        what="sum over people, add noise, charge the budget",
        make=release,
        after=("statistics",),
        asked=_released,
        by_code=False,
        reads_people=True,
    ),
    Step(name="train", what="train the model from releases", make=train, after=("ingest", "release"), asked=_trained),
    Step(
        name="evaluate",
        what="measure it on users kept aside",
        make=evaluate,
        after=("ingest", "train"),
        asked=_evaluated,
        reads_people=True,
    ),
    Step(name="gates", what="hold it against what was asked", make=judge, after=("train", "evaluate"), asked=_judged),
    Step(
        name="bundle",
        what="write its card and its lineage",
        make=bundle,
        after=("train", "evaluate", "gates"),
        asked=lambda asked: {"card": _plain(asked.pipeline.card)},
    ),
)
"""In order. What comes after them, signing, publishing and rolling out, is kept by the registry and the repository."""
