"""The reference of the statistics says what the declarations say."""

from pathlib import Path

import pytest

from homespun.protocol.statistics.standard import STANDARD
from tools import statistics_reference


def test_the_reference_is_not_that_of_the_declarations() -> None:
    text = statistics_reference.PAGE.read_text(encoding="utf-8")
    assert text == statistics_reference.page(), "run python -m tools.statistics_reference"


def test_a_statistic_or_a_parameter_is_not_in_the_reference() -> None:
    text = statistics_reference.page()
    for statistic in STANDARD:
        assert f"\n## {statistic.name}\n" in text
        assert statistic.description in text
        for name in statistic.transformation.__struct_fields__:
            assert f"\n| `{name}` |" in text


def test_the_check_passes_another_page_or_writes_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "statistics.md"
    monkeypatch.setattr(statistics_reference, "PAGE", page)
    assert statistics_reference.main(["--check"]) == 1
    assert not page.exists()
    assert statistics_reference.main([]) == 0
    assert statistics_reference.main(["--check"]) == 0
    page.write_bytes(page.read_bytes() + b"\n")
    capsys.readouterr()
    assert statistics_reference.main(["--check"]) == 1
    assert "run python -m tools.statistics_reference" in capsys.readouterr().out
