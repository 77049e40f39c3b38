"""``--policy`` and ``--attributes``: a bad policy costs a budget, or what was asked for is not in the bundle."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.policy import parse_policy
from homespun.protocol.policy.policy import MAX_BYTES
from homespun_server.cli import main

POLICY = {"schema": 1, "name": "Shop", "surfaces": {"home": {"stages": [{"stage": "candidates", "pool": 200}]}}}
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its status and what it says, in one line."""

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, " ".join((captured.out + captured.err).split())

    return ran


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY), encoding="utf-8")
    return path


def test_a_good_policy_is_not_in_the_bundle(run: Run, fleet_catalogue: Path, policy: Path, tmp_path: Path) -> None:
    assert run("fit", "--items", fleet_catalogue, "--out", tmp_path / "out", "--policy", policy)[0] == 0
    with Bundle.open(tmp_path / "out" / "bundle") as opened:
        assert opened.policy == parse_policy(POLICY)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (json.dumps(POLICY | {"rules": [{"name": "r", "then": {"do": "explode"}}]}), "rules[0].then"),
        (json.dumps(POLICY | {"surfaces": {"home": {"stages": [{"stage": "candidates", "pool": 0}]}}}), "pool"),
        ("{", "policy.json cannot be used"),
        ("[" * 100_000, "policy.json cannot be used"),
        (" " * (MAX_BYTES + 1), f"policy.json is longer than {MAX_BYTES} bytes"),
    ],
    ids=["action", "pool", "cut", "nested", "long"],
)
@pytest.mark.parametrize("command", ["content", "people", "refresh"])
def test_a_bad_policy_is_read_after_people_were(
    run: Run, policy: Path, tmp_path: Path, command: str, raw: str, told: str
) -> None:
    """No table is there, so whatever else is looked at first fails otherwise."""
    policy.write_text(raw, encoding="utf-8")
    missing, out = tmp_path / "missing.csv", tmp_path / "out"
    arguments = {
        "content": ("fit", "--items", missing),
        "people": ("fit", missing, "--items", missing, "--epsilon", 1),
        "refresh": ("refresh", missing, "--interactions", missing, "--items", missing, "--epsilon", 1),
    }[command]
    status, said = run(*arguments, "--out", out, "--policy", policy)
    assert status == 1
    assert "".join(told.split()) in "".join(said.split())
    assert not out.exists()


def test_attributes_that_were_asked_for_are_not_in_the_bundle(run: Run, tmp_path: Path) -> None:
    lines = [f"i{number},Title {number % 3} x,{number / 2},red" for number in range(9)]
    table = tmp_path / "items.csv"
    table.write_text("\n".join(["item,title,price,colour", *lines]) + "\n", encoding="utf-8")
    assert run("fit", "--items", table, "--out", tmp_path / "out", "--attributes", "price", "colour")[0] == 0
    with Bundle.open(tmp_path / "out" / "bundle") as opened:
        assert opened.attributes("i3") == {"price": 1.5, "colour": "red"}
    status, said = run("fit", "--items", table, "--out", tmp_path / "out", "--attributes", "colour", "size")
    assert status == 1
    assert "size" in said


def test_a_missing_policy_is_left_out_silently(run: Run, fleet_catalogue: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        status, said = run("fit", "--items", fleet_catalogue, "--out", tmp_path / "out", "--policy", path)
        assert status == 1
        assert "Name the policy's JSON file" in said
    assert not (tmp_path / "out").exists()
