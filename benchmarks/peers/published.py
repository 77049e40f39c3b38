"""Figures of others, for models that cannot be run here or not to their end; never beside ours without saying so.

MovieLens-1M, the last event of each person is the test, all items are ranked. Their data are cut and cleaned
like ours, as far as their papers tell; their hyperparameters, hardware and seeds are theirs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A model's figures as published.

    Attributes:
        model: Its name.
        hr_10: Hit rate of 10.
        ndcg_10: NDCG of 10.
        source: Where they are from.
    """

    model: str
    hr_10: float
    ndcg_10: float
    source: str


_HSTU = "Zhai et al. 2024, Actions Speak Louder than Words: the published code's table"
_DROSS = "Klenitskiy, Vasilev 2023, Turning Dross Into Gold Loss, as quoted by Zhai et al. 2024"

MOVIELENS_1M_LEAVE_LAST_OUT = (
    Published("SASRec, sampled softmax", 0.2853, 0.1603, _HSTU),
    Published("BERT4Rec", 0.2843, 0.1537, _DROSS),
    Published("GRU4Rec", 0.2811, 0.1648, _DROSS),
    Published("HSTU", 0.3097, 0.1720, _HSTU),
    Published("HSTU-large", 0.3294, 0.1893, _HSTU),
)
