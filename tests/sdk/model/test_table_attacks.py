"""Tables that would lead out of the catalogue, count what is padding, or mean nothing are refused on opening."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from homespun.errors import BundleIntegrityError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import WEIGHTS
from homespun.protocol.events import Event
from tests.sdk import bundles
from tests.sdk.bundles import Arrays

Change = Callable[[Arrays], object]
EVENTS = [Event(f"item-{number}", time=float(number)) for number in range(40)]


def forged(tmp_path: Path, change: Change) -> Path:
    return bundles.write(tmp_path / "bundle", bundles.full_model(40, density=0.3), change=change)


def put(name: str, place: Any, value: float) -> Change:
    def change(arrays: Arrays) -> None:
        arrays[name][place] = value

    return change


LEADS_OUT = "an entry for an item that the catalogue does not have"
OUT_OF_ORDER = "do not follow each other"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (put("transitions.bases", -1, 40), LEADS_OUT),
        (put("transitions.bases", 0, -1), LEADS_OUT),
        (put("transitions.bases", 3, 2**31 - 1), LEADS_OUT),
        (put("transitions.gaps", (2, 15), 255), LEADS_OUT),
        (put("transitions.gaps", (0, 0), 1), LEADS_OUT),
        (put("residual.gaps", (slice(None), slice(1, None)), 255), LEADS_OUT),
        (put("transitions.starts", 0, 1), OUT_OF_ORDER),
        (put("transitions.starts", 0, -1), OUT_OF_ORDER),
        (put("transitions.starts", 7, 0), OUT_OF_ORDER),
        (put("transitions.starts", 7, 2**31 - 1), OUT_OF_ORDER),
        (put("transitions.starts", 7, -(2**31)), OUT_OF_ORDER),
        (put("transitions.starts", -1, 3), OUT_OF_ORDER),
        (put("residual.starts", -1, 2**31 - 1), OUT_OF_ORDER),
        (put("transitions.levels", 0, 1e-30), "does not stand for 0"),
        (put("residual.levels", 0, -1.0), "does not stand for 0"),
        (put("transitions.levels", 15, np.nan), "NaN or infinity"),
        (put("residual.levels", 255, np.inf), "NaN or infinity"),
        (put("shared.spectrum", 3, np.nan), "NaN or infinity"),
        (put("words.encoder", 39, -np.inf), "NaN or infinity"),
        (put("shared.decoder", 0, np.nan), "NaN or infinity"),
        (put("priors.values", (1, 39), np.nan), "NaN or infinity"),
        (put("context.scales", 8, np.inf), "NaN or infinity"),
    ],
)
def test_a_table_leads_astray(tmp_path: Path, change: Change, match: str) -> None:
    with pytest.raises(ModelContractError, match=match):
        Bundle.open(forged(tmp_path, change))


@pytest.mark.parametrize("name", ["transitions.codes", "transitions.gaps", "residual.codes"])
def test_codes_have_the_shape_of_another_number_of_bits(tmp_path: Path, name: str) -> None:
    def change(arrays: Arrays) -> None:
        arrays[name] = np.repeat(arrays[name], 2, axis=1) if name == "transitions.codes" else arrays[name][:, :8]

    with pytest.raises(ModelContractError, match=f"the weight '{name}'"):
        Bundle.open(forged(tmp_path, change))


@pytest.mark.parametrize("blocks", [1, 10**6, 2**31 - 1])
def test_the_manifest_promises_another_number_of_blocks(full: Path, blocks: int) -> None:
    def change(manifest: dict) -> None:
        for component in manifest["components"]:
            if component["sparse"] == "transitions":
                component.update(blocks=blocks)

    bundles.edit_manifest(full, change)
    with pytest.raises(ModelContractError, match=r"the weight .transitions\.bases"):
        Bundle.open(full)


@pytest.mark.parametrize("shift", [-1, 40])
def test_a_table_is_exchanged_after_it_was_verified_and_leads_astray(tmp_path: Path, shift: int) -> None:
    def change(arrays: Arrays) -> None:
        arrays["transitions.bases"] += shift

    folder = forged(tmp_path, change)
    with (
        patch("homespun.model.verify.check_tables"),
        pytest.raises(ModelContractError, match="leads out of the catalogue"),
        Bundle.open(folder) as bundle,
    ):
        bundle.rank(EVENTS)


def test_the_weights_become_shorter_while_they_are_read(full: Path) -> None:
    size = (full / WEIGHTS).stat().st_size

    def cut(*given: Any) -> dict:
        (full / WEIGHTS).write_bytes(b"\0" * (size // 2))
        return found(*given)

    from homespun.model import verify

    found = verify._check_graphs
    with patch("homespun.model.verify._check_graphs", cut), pytest.raises(BundleIntegrityError, match="became shorter"):
        Bundle.open(full)


def test_padding_is_counted_or_fillers_are_entries(tmp_path: Path) -> None:
    """What stands behind code 0 may be any item: its entry is worth nothing."""
    model = bundles.full_model(900, density=0.004)  # so thin that gaps exceed 255
    events = [Event(f"item-{number}", time=float(number)) for number in range(0, 900, 13)]
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        found = {entry.item: entry.score for entry in bundle.rank(events, 900, exclude_seen=False)}
    arrays = bundles.arrays_of(model)
    assert (np.diff(arrays["transitions.starts"]) == 0).any()
    assert (arrays["transitions.gaps"] == 255).any()
    counts = {int(event.item.removeprefix("item-")): 1 for event in events}
    expected = model.scores([(number, float(number)) for number in range(0, 900, 13)], counts=counts)
    np.testing.assert_allclose([found[f"item-{n}"] for n in range(900)], expected, rtol=1e-9, atol=1e-9)
