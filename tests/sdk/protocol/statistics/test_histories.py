"""Histories that break the rules on which the bounds rest."""

from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import owners_of, starts_of
from homespun.protocol.statistics.histories import Histories
from tests.sdk.protocol.statistics.people import integers

SECRET = bytes(32)


def made(**changes: Any) -> Histories:
    columns: dict[str, Any] = {
        "starts": integers([0, 2, 3]),
        "items": integers([0, 1, -1]),
        "times": integers([-1, 7, 0]),
        "kinds": integers([0, -1, 1]),
        "weights": np.array([0.5, np.nan, 3.0]),
        "secrets": [SECRET, SECRET],
        "kind_names": ("view", "like"),
        "contexts": {"device": integers([0, -1, 5])},
    }
    return Histories(**columns | changes)


def test_two_people_are_not_two() -> None:
    histories = made()
    assert histories.people == 2
    assert histories.owners.tolist() == [0, 0, 1]
    assert histories.mask_of(["like", "unheard-of"]).tolist() == [False, False, True]
    assert histories.mask_of([]).tolist() == [False] * 3


def test_the_next_persons_earlier_time_is_refused() -> None:
    assert made(times=integers([5, (1 << 63) - 1, -1])).people == 2
    assert made(times=integers([-1, (1 << 63) - 1, 0])).people == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"starts": integers([])},
        {"starts": integers([0])},
        {"starts": integers([0, 2])},
        {"starts": integers([0, 2, 4])},
        {"starts": integers([1, 2, 3])},
        {"starts": integers([0, 3, 2, 3])},
        {"starts": integers([0, -1, 3])},
    ],
    ids=lambda changes: str(changes["starts"].tolist()),
)
def test_people_overlap_or_events_belong_to_nobody(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="starts must ascend from 0 to the number of entries, 3"):
        made(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"items": integers([0, 1, 2]).reshape(3, 1)},
        {"times": integers([0, 1])},
        {"kinds": integers([0, 1, 1, 1])},
        {"weights": np.zeros(2)},
        {"contexts": {"device": integers([0, 1, 2]), "hour": integers([0])}},
        {"secrets": [SECRET]},
        {"secrets": [SECRET] * 3},
        {name: integers([0, 1, 1]).reshape(1, 3) for name in ("items", "times", "kinds")}
        | {"weights": np.zeros((1, 3)), "contexts": {}},
    ],
    ids=" ".join,
)
def test_a_column_is_shorter_or_longer_than_the_events(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="one entry an event"):
        made(**changes)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_secret_is_short_enough_to_guess(secret: bytes) -> None:
    with pytest.raises(MisuseError, match="32 bytes"):
        made(secrets=[SECRET, secret])


@pytest.mark.parametrize(
    "changes",
    [
        {"starts": np.array([0.0, 2.0, 3.0])},
        {"items": integers([0, 1, -2])},
        {"items": np.array([0, 1, 2], np.int32)},
        {"items": np.array([0.0, 1.0, 2.0])},
        {"times": integers([-2, 7, 0])},
        {"times": np.array([0.5, 7.5, 0.5])},
        {"kinds": integers([-2, 0, 0])},
        {"contexts": {"device": integers([0, -2, 0])}},
        {"contexts": {"device": np.array([0.0, 1.0, 2.0])}},
    ],
    ids=str,
)
def test_a_number_is_none_or_less_than_unknown(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="int64, and −1 where nothing is known"):
        made(**changes)


@pytest.mark.parametrize(
    "weights",
    [
        np.array([0.5, -1e-300, 0]),
        np.array([0.5, np.inf, 0]),
        np.array([0.5, -np.inf, 0]),
        np.array([1, 2, 3]),
        np.array([1, 2, 3], np.float32),
    ],
    ids=str,
)
def test_a_weight_is_infinite_negative_or_of_another_type(weights: Any) -> None:
    with pytest.raises(MisuseError, match="weights are float64, finite and not negative"):
        made(weights=weights)


def test_a_kind_has_no_name() -> None:
    with pytest.raises(MisuseError, match="a kind has no name"):
        made(kinds=integers([0, 2, 1]))


@pytest.mark.parametrize("times", [[7, 6, 0], [0, -1, 0], [(1 << 63) - 1, -1, 0]])
def test_events_are_out_of_order(times: list[int]) -> None:
    with pytest.raises(MisuseError, match="in the order of time, those without a time first"):
        made(times=integers(times))


def test_a_secret_is_shown() -> None:
    assert "secret" not in repr(made(secrets=[b"s" * 32, b"s" * 32]))
    assert "sss" not in repr(made(secrets=[b"s" * 32, b"s" * 32]))


def test_owners_and_starts_are_not_each_others_inverse() -> None:
    starts = integers([0, 0, 2, 2, 5, 5])
    assert owners_of(starts).tolist() == [1, 1, 3, 3, 3]
    assert starts_of(owners_of(starts), 5).tolist() == starts.tolist()
    assert starts_of(integers([]), 0).tolist() == [0]
