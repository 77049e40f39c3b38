"""A bundle can declare the kinds of events that mean something to it; a kind beside them is a slip."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import BundleIntegrityError, InvalidEventError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import HistoryRule
from tests.sdk import bundles


def test_a_bundle_without_kinds_refuses_some(bundle: Bundle) -> None:
    assert bundle.manifest.history.kinds is None
    bundle.check_kind("anything")


def test_a_kind_that_nobody_declared_passes(tampered: Path) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest["history"].update(kinds=["view", "hide", "rate"]))
    with Bundle.open(tampered) as opened:
        for kind in ("view", "rate", "hide", "dislike"):  # the last two are negative kinds
            opened.check_kind(kind)
        with pytest.raises(InvalidEventError, match=r"'veiw'.*record one of: view, hide, rate, dislike, dismiss, skip"):
            opened.check_kind("veiw")


@pytest.mark.parametrize(
    "kinds", [[], ["View"], ["view\n"], ["\x1b[2J"], [""], [7], "view", ["view"] * 101, ["a" * 65]]
)
def test_a_manifest_declares_what_no_kind_can_be(tampered: Path, kinds: Any) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest["history"].update(kinds=kinds))
    with pytest.raises(BundleIntegrityError):
        Bundle.open(tampered)


def test_a_manifest_without_kinds_is_written_so_that_earlier_clients_refuse_it() -> None:
    written = msgspec.json.decode(msgspec.json.encode(HistoryRule(None, 9, ("hide",))))
    assert written == {"min_weight": None, "max_items": 9, "negative_kinds": ["hide"]}
