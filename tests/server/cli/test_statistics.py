"""What can be counted about people is told in full, in words and as data."""

import argparse
import io
import json

import msgspec
import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.schema import json_schema
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.cli.statistics import BY_NAME, configure, facts, parameters


def command(*arguments: str, width: int = 100) -> str:
    """Run the command as it is configured, and return what it writes."""
    parser = argparse.ArgumentParser()
    configure(parser)
    options = parser.parse_args(arguments)
    console = Console(file=io.StringIO(), width=width)
    options.run(options, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_statistic_is_not_listed() -> None:
    text = command()
    for statistic in STANDARD:
        assert statistic.name in text
        assert f"{statistic.size:,}" in text
    assert "one user more or less" in " ".join(text.split())


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda statistic: statistic.name)
def test_something_about_a_statistic_is_not_told(statistic: Statistic) -> None:
    text = command(statistic.name, width=1000)
    told = facts(statistic)
    for fact in (statistic.counts, statistic.purpose, statistic.description, statistic.retention):
        assert any(fact in line for line in told.values())
        assert fact in text
    assert {"8,192", "4,294,967,296"} <= set(" ".join(told.values()).replace(".", "").split())
    for name, value in parameters(statistic).items():
        assert f" {name} " in text
        assert value in text
        assert len(value) < 100


def test_a_list_of_numbers_fills_the_screen() -> None:
    shown = {name: parameters(statistic) for name, statistic in BY_NAME.items()}
    assert shown["archetypes"]["centroids"] == "16 lists of 1,000 numbers"
    assert shown["item-pairs"]["weights"] == "1,024, 1,024, 1,024, 1,024, 1,024, … (1,000 in all)"
    assert shown["transitions"]["gaps"] == "none"
    assert shown["repeats"]["thresholds"] == "1, 2, 3, 5, 10"
    assert shown["people"] == {}
    assert shown["experiment"]["variants"] == "control, fresh"
    assert shown["experiment"]["measures"] == "impressions up to 100, clicks up to 20, bought up to 1"
    assert shown["experiment"]["products"] == "clicks × impressions"


def test_data_is_not_that_of_the_declarations() -> None:
    schema = Draft202012Validator(json_schema())
    listed = json.loads(command("--json", width=20))
    for data in listed:
        schema.validate(data)
    assert msgspec.convert(listed, tuple[Statistic, ...]) == STANDARD
    assert json.loads(command("item-pairs", "--json")) == listed[list(BY_NAME).index("item-pairs")]


def test_an_unknown_statistic_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command("item-triples")
    assert stopped.value.code == 2
    assert "item-pairs" in capsys.readouterr().err
