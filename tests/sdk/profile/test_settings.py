from decimal import Decimal
from typing import Any

import pytest

from homespun.config import Retention, Settings
from homespun.errors import MisuseError


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("busy_timeout_ms", [-1, 600_001, 1.5, True, None]),
        ("argon2_memory_kib", [0, 8 * 1024 - 1, 256 * 1024 + 1]),
        ("argon2_iterations", [0, 9]),
        ("argon2_lanes", [0, 17]),
        ("threads", [0, -1, 1025, "2"]),
        ("durability", ["off", "", None, 0, "full"]),
        ("batch_events", [0, -1, 10_001, 1.0, True, None]),
        ("batch_seconds", [0, -1, 3600.1, float("nan"), float("inf"), "1", True, None]),
        ("epoch_days", [0, -1, 3661, float("nan"), "30", True, None]),
        ("retention", [None, 730, (730, 200_000), {"days": 730}]),
        ("retention_of", [None, {"view": 90}, {"No Kind": Retention()}, [("view", Retention())], {1: Retention()}]),
        ("attributes", [None, "language", ("Language",), (1,), ("a b",)]),
        ("strictly_necessary", ["", "  ", 1, True, "a\nb"]),
        ("lifetime_epsilon", [8, 8.0, "8", None, Decimal(-1), Decimal(1001), Decimal("NaN")]),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(MisuseError, match=name):
            Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("days", [0, -1, 36_601, float("nan"), float("inf"), "1", True]),
        ("events", [-1, 100_000_001, 1.5, "1", True]),
    ],
)
def test_a_retention_out_of_range_is_refused_by_name(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(MisuseError, match=name):
            Retention(**{name: value})


def test_a_mapping_of_retentions_can_be_changed_behind_the_settings_back() -> None:
    of = {"view": Retention(days=1)}
    settings = Settings(retention_of=of)
    of["rate"] = Retention(days=2)
    assert dict(settings.retention_of) == {"view": Retention(days=1)}
    with pytest.raises(TypeError):
        settings.retention_of["rate"] = Retention()  # type: ignore[index]
