"""A pipeline's file says what means nothing, and is run all the same."""

import copy
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun_server.errors import PrivacyParameterError
from homespun_server.running.reading import parse_pipeline, read_pipeline

LEAST: dict[str, Any] = {
    "name": "films",
    "channel": "films/canary",
    "inputs": {"interactions": "a.csv", "items": "b.csv"},
    "fit": {"epsilon": 1.0},
}


def changed(place: str, value: object) -> dict[str, Any]:
    found = copy.deepcopy(LEAST)
    *tables, key = place.split(".")
    table = found
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = value
    return found


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("epsilom", 1.0, "unknown field `epsilom`"),
        ("fit.epsilom", 1.0, r"unknown field `epsilom` - at `\$.fit`"),
        ("gates.max_epsilom", 1.0, r"unknown field `max_epsilom` - at `\$.gates`"),
        ("inputs.columns", {"uzer": "a"}, r"\$\.inputs\.columns"),
        ("fit.epsilon", "much", r"Expected `float \| null`, got `str` - at `\$.fit.epsilon`"),
        ("fit.epsilon", -1.0, r"\$.fit.epsilon"),
        ("fit.test_share", 0.0, r"\$.fit.test_share"),
        ("evaluation.protocol", "temporal", r"\$.evaluation.protocol"),
        ("publish.shares", [], r"\$.publish.shares"),
        ("publish.shares", [1.5], r"\$.publish.shares"),
        ("publish.shares", [0.5, 0.1], "publish.shares: name each share once, the smallest first"),
        ("channel", "films", "channel: 'films' is not the name of a channel"),
        ("gates.non_private_stages", ["production"], "production takes no bundle without a guarantee"),
        ("schema", 2, r"\$.schema"),
    ],
)
def test_what_means_nothing_is_passed_over(place: str, value: object, told: str) -> None:
    with pytest.raises(MisuseError, match=f"^p.toml: .*{told}"):
        parse_pipeline(changed(place, value), "p.toml")


@pytest.mark.parametrize(
    "fit",
    [
        {},
        {"epsilon": 1.0, "non_private": True},
        {"non_private": True, "delta": 1e-6},
        {"non_private": True, "metrics_epsilon": 1.0},
    ],
)
def test_privacy_is_left_open_or_promised_twice(fit: dict[str, Any]) -> None:
    with pytest.raises(PrivacyParameterError, match=r"^p.toml"):
        parse_pipeline({**LEAST, "fit": fit}, "p.toml")


def test_a_ledger_is_charged_for_nothing() -> None:
    with pytest.raises(PrivacyParameterError, match="a ledger promise nothing"):
        parse_pipeline({**LEAST, "fit": {"non_private": True}, "ledger": {"data_set": "shop"}}, "p.toml")


def test_a_private_bundle_is_made_with_a_blend_of_unknown_origin() -> None:
    with pytest.raises(MisuseError, match=r"fit\.blend: the file may hold exact figures"):
        parse_pipeline(changed("fit.blend", "blend.json"), "p.toml")


def test_released_figures_are_of_users_who_depend_on_each_other() -> None:
    found = changed("fit.metrics_epsilon", 1.0) | {"evaluation": {"max_users": 10}}
    with pytest.raises(MisuseError, match=r"evaluation\.max_users"):
        parse_pipeline(found, "p.toml")


def test_the_file_is_not_there_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="cannot be read"):
        read_pipeline(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(MisuseError, match="cannot be read"):
        read_pipeline(tmp_path / "bad.toml")


def test_the_least_that_can_be_said_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        'name = "films"\nchannel = "films/canary"\n[inputs]\ninteractions = "a.csv"\nitems = "b.csv"\n[fit]\n'
        "epsilon = 1\n",
        encoding="utf-8",
    )
    assert read_pipeline(tmp_path / "p.toml") == parse_pipeline(LEAST, "p.toml")
    assert read_pipeline(tmp_path / "p.toml").stage == "canary"


def test_a_gate_cannot_be_left_out() -> None:
    left_out = {"max_advantage": False, "segment_drop": False, "claim": False}
    gates = parse_pipeline({**LEAST, "gates": left_out}, "p.toml").gates
    assert (gates.max_advantage, gates.segment_drop, gates.claim) == (None, None, False)
    with pytest.raises(MisuseError, match="max_advantage"):
        parse_pipeline({**LEAST, "gates": {"max_advantage": True}}, "p.toml")
