from homespun.protocol.statistics.legacy import (
    GRID,
    ITEM_COUNTS,
    ITEM_PAIRS,
    MAX_ITEM_WEIGHT,
    MAX_UNIVERSE,
    WEIGHT_GRID,
    Statistic,
    encode_count,
    encode_pairs,
    item_weights,
)

__all__ = [
    "GRID",
    "ITEM_COUNTS",
    "ITEM_PAIRS",
    "MAX_ITEM_WEIGHT",
    "MAX_UNIVERSE",
    "WEIGHT_GRID",
    "Statistic",
    "encode_count",
    "encode_pairs",
    "item_weights",
]
