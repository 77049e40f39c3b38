"""What differs between two bundles could be told as the same, or the same as different."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import CATALOGUE
from homespun_server.errors import NotRegisteredError
from homespun_server.publishing.registry import Registry
from homespun_server.publishing.registry.comparison import Both, Items, _changes, _quality
from tests.server.api.support import NOON
from tests.server.publishing.support import description_of, model_of, publish

Made = Callable[[int], Path]


def registered(registry: Registry, folder: Path) -> str:
    return registry.add(folder, lineage={}, gates={}).id


def test_a_bundle_differs_from_itself(registry: Registry, made: Made) -> None:
    found = registered(registry, made(1))
    comparison = registry.compare(found, found)
    assert comparison.before == comparison.after
    assert comparison.size == 0
    assert comparison.items == Items(12, 12, 0, 0)
    assert comparison.policy == ()
    for both in (*comparison.components.values(), *comparison.privacy.values(), *comparison.quality.values()):
        assert both.before == both.after


def test_new_items_or_parts_are_passed_over(registry: Registry, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    publish(small, model_of(10, everything=False))
    publish(large, model_of(13), description=description_of(created=NOON + timedelta(days=1)))
    comparison = registry.compare(registered(registry, small), registered(registry, large))
    assert comparison.items == Items(10, 13, 3, 0)
    assert comparison.size == comparison.after.size - comparison.before.size > 0
    assert comparison.components["sequential"].before is None
    assert comparison.components["sequential"].after is not None
    assert comparison.components["collaborative"].before is not None
    assert comparison.privacy == {"kind": Both("no_personal_data", "no_personal_data")}
    back = registry.compare(comparison.after.id, comparison.before.id)
    assert back.items == Items(13, 10, 0, 3)
    assert back.size == -comparison.size


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1}, {"a": 2}, ("policy.a: changed",)),
        ({"a": 1}, {}, ("policy.a: removed",)),
        ({}, {"a": 1}, ("policy.a: added",)),
        (None, {"a": 1}, ("policy: changed",)),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("policy.a[1].b: changed",)),
        ({"a": [1]}, {"a": [1, 2]}, ("policy.a: changed",)),
        ({"a": 1}, {"a": True}, ("policy.a: changed",)),
        (
            {"b": 1, "a": {"c": 1}},
            {"a": {"c": 2, "d": 1}},
            ("policy.b: removed", "policy.a.c: changed", "policy.a.d: added"),
        ),
    ],
)
def test_a_change_of_the_policy_is_passed_over(before: Any, after: Any, told: tuple[str, ...]) -> None:
    assert _changes(before, after, "policy") == told


def test_figures_of_the_card_lose_their_uncertainty() -> None:
    card: dict[str, object] = {
        "quality": {"metrics": [{"name": "NDCG@10", "value": 0.25, "half_width": 0.0125}], "note": ""}
    }
    assert _quality(card) == {"NDCG@10": "0.2500 ± 0.0125"}
    assert _quality({"quality": None}) == _quality({}) == {}
    with pytest.raises(BundleIntegrityError, match="malformed figures"):
        _quality({"quality": {"metrics": [{"name": 1}]}})


def test_what_is_not_there_is_compared(registry: Registry, made: Made) -> None:
    found = registered(registry, made(1))
    with pytest.raises(NotRegisteredError):
        registry.compare(found, "0" * 64)
    (registry.folder(found) / CATALOGUE).write_bytes(b"no database")
    with pytest.raises(BundleIntegrityError, match="catalogue"):
        registry.compare(found, found)


def test_a_comparison_is_no_json(registry: Registry, made: Made) -> None:
    comparison = registry.compare(registered(registry, made(1)), registered(registry, made(2)))
    assert msgspec.json.decode(msgspec.json.encode(comparison), type=type(comparison)) == comparison
