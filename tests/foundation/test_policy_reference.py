"""The reference of the policy says what its structures say, and the how-to leaves no stage, rule or condition out."""

from pathlib import Path

import pytest

from homespun.protocol.policy import json_schema
from homespun.protocol.policy.stages import PHASES
from tools import policy_reference

HOW_TO = policy_reference.PAGE.parents[1] / "how-to" / "write-a-policy.md"


def test_the_reference_is_not_that_of_the_structures() -> None:
    text = policy_reference.PAGE.read_text(encoding="utf-8")
    assert text == policy_reference.page(), "run python -m tools.policy_reference"


def test_a_structure_or_a_setting_of_the_schema_is_not_in_the_reference() -> None:
    text = policy_reference.page()
    headings = {kind.__name__: heading for kind, heading in policy_reference.names().items()}
    definitions = json_schema()["$defs"]
    assert definitions.keys() == headings.keys()
    for name, schema in definitions.items():
        section = text.split(f"# {headings[name]}\n", 1)[1].split("\n#", 1)[0]
        settings = schema["properties"].keys() - {"stage", "do"}
        assert {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")} == settings


@pytest.mark.parametrize("phase", range(3))
def test_a_stage_is_not_in_the_how_to_or_in_another_phase(phase: int) -> None:
    rows = HOW_TO.read_text(encoding="utf-8").split(f"\n| {phase + 1} | ")[1:]
    tags = [policy_reference.tag_of(kind) for kind in PHASES[phase]]
    assert [row.split("`")[1] for row in rows] == tags


def test_an_action_or_a_condition_is_not_in_the_how_to() -> None:
    text = HOW_TO.read_text(encoding="utf-8")
    for kind in ("Boost", "Bury", "Filter", "Pin", "Cap", "Reserve"):
        assert f"| `{json_schema()['$defs'][kind]['properties']['do']['enum'][0]}` |" in text
    for kind in ("Condition", "ItemTest"):
        for name in json_schema()["$defs"][kind]["properties"]:
            assert f"`{name}`" in text


def test_the_check_passes_another_page_or_writes_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "policy.md"
    monkeypatch.setattr(policy_reference, "PAGE", page)
    assert policy_reference.main(["--check"]) == 1
    assert not page.exists()
    assert policy_reference.main([]) == 0
    assert policy_reference.main(["--check"]) == 0
    page.write_bytes(page.read_bytes() + b"\n")
    capsys.readouterr()
    assert policy_reference.main(["--check"]) == 1
    assert "run python -m tools.policy_reference" in capsys.readouterr().out
