"""RecTools: SASRec (Kang, McAuley 2018) with a softmax over the whole catalogue, on the processor.

A trial trains epoch by epoch until the validation cases have not improved for ``PATIENCE`` epochs or its share of
the time is used up; the fit that is tested trains as many epochs as the best trial needed. On a processor alone
that is rarely convergence: the notes of the trials say what ended them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events
from benchmarks.peers.runner.ranking import Scorer, Scores
from benchmarks.peers.runner.tuning import Allowance, Judge, Peer, Setting, Trial

PATIENCE = 10
"""Epochs; the first few learn little but popularity."""

BATCH = 64
MOST_EPOCHS = 200
LARGEST_SHARE = 1 / 3
"""Of the time, for one trial: a few that learnt something say more than many that did not."""

_FACTORS_LENGTH_DROPOUT = (
    (64, 100, 0.2),
    (128, 50, 0.2),
    (128, 200, 0.2),
    (64, 50, 0.4),
    (128, 100, 0.4),
    (256, 100, 0.3),
    (64, 200, 0.2),
    (256, 200, 0.2),
)
_RECOMMEND_BATCH = 250


class SasRec(Peer):
    """A transformer over the order of each person's events."""

    def __init__(self, seed: int) -> None:
        """Start every fit from this seed."""
        self._seed = seed

    def settings(self) -> Sequence[Setting]:
        """Return dimensions, lengths of the history and rates of dropout."""
        names = ("n_factors", "session_max_len", "dropout_rate")
        return [dict(zip(names, values, strict=True)) for values in _FACTORS_LENGTH_DROPOUT]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Train as many epochs as the setting says."""
        options = dict(setting)
        epochs = int(options.pop("epochs"))
        model, dataset = self._untrained(options), _dataset(events)
        model.fit_partial(dataset, min_epochs=epochs, max_epochs=epochs)
        return SasRecScorer(model, events)

    def try_setting(self, events: Events, setting: Setting, judge: Judge, within: Allowance) -> Trial:
        """Train until nothing improves or the trial's share of the time is used up."""
        mine = Allowance(within.seconds * LARGEST_SHARE, within.clock, within.clock())
        model, dataset = self._untrained(setting), _dataset(events)
        scores: list[float] = []
        note = f"stopped after {MOST_EPOCHS} epochs"
        while len(scores) < MOST_EPOCHS:
            model.fit_partial(dataset, min_epochs=1, max_epochs=1)
            scores.append(judge(SasRecScorer(model, events)))
            if len(scores) - int(np.argmax(scores)) > PATIENCE:
                note = f"no better for {PATIENCE} epochs"
                break
            if mine.is_used_up or within.is_used_up:
                note = f"out of time after {len(scores)} epochs"
                break
        return Trial({**setting, "epochs": int(np.argmax(scores)) + 1}, max(scores), note=note)

    def _untrained(self, setting: Setting) -> SASRecModel:
        seed_everything(self._seed, verbose=False)
        return SASRecModel(
            **setting, n_blocks=2, n_heads=2, loss="softmax", batch_size=BATCH, get_trainer_func=_trainer
        )


class SasRecScorer:
    """Scores by the product of the encoded history and the items' vectors."""

    def __init__(self, model: SASRecModel, events: Events) -> None:
        """Take a trained model."""
        self._model = model
        self._events = events
        known = model.data_preparator.get_known_item_ids().astype(np.int64)
        self._known: NDArray[np.int64] = known
        self._tokens = np.zeros(len(events.ids), np.int64)
        self._tokens[known] = model.data_preparator.get_known_items_sorted_internal_ids()

    @property
    def model_bytes(self) -> int:
        """Bytes of the parameters."""
        return sum(one.numel() * one.element_size() for one in self._model.torch_model.parameters())

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Encode the ends of the histories; who has no known item has the same score everywhere."""
        scores = np.full((len(cases), len(self._events.ids)), -np.inf, np.float32)
        sessions = np.stack([self._session(case) for case in cases])
        for start in range(0, len(cases), _RECOMMEND_BATCH):
            part = slice(start, start + _RECOMMEND_BATCH)
            scores[part, self._known] = self._encoded(sessions[part])
        scores[~sessions.any(axis=1)] = 0
        return scores

    def _session(self, case: Case) -> NDArray[np.int64]:
        session = np.zeros(self._model.session_max_len, np.int64)
        tokens = self._tokens[self._events.known(case)]
        tokens = tokens[tokens > 0][-session.size :]
        session[session.size - tokens.size :] = tokens
        return session

    def _encoded(self, sessions: NDArray[np.int64]) -> Scores:
        network = self._model.torch_model.eval()
        with torch.no_grad():
            items = network.item_model.get_all_embeddings()
            people = network.encode_sessions({"x": torch.from_numpy(sessions)}, items)[:, -1, :]
            found = people @ items[self._tokens[self._known]].T
        return np.asarray(found.numpy(), np.float32)


def _dataset(events: Events) -> Dataset:
    frame = pd.DataFrame({Columns.User: events.users, Columns.Item: events.items})
    frame[Columns.Weight] = 1.0
    # Only the order is used.
    frame[Columns.Datetime] = pd.to_datetime(np.arange(len(frame)), unit="s")
    return Dataset.construct(frame)


def _trainer() -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
