from typing import Any

import pytest

from homespun.config import Settings
from homespun.errors import MisuseError


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("busy_timeout_ms", [-1, 600_001, 1.5, True, None]),
        ("argon2_memory_kib", [0, 8 * 1024 - 1, 256 * 1024 + 1]),
        ("argon2_iterations", [0, 9]),
        ("argon2_lanes", [0, 17]),
        ("threads", [0, -1, 1025, "2"]),
        ("durability", ["off", "", None, 0]),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(MisuseError, match=name):
            Settings(**{name: value})
