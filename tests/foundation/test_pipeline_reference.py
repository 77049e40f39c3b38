"""The reference of the pipeline says what its structures say, and leaves no key out."""

import msgspec
import pytest

from homespun_server.running.settings import Pipeline
from homespun_server.running.steps.step import STEPS
from tools import pipeline_reference


def test_the_reference_is_not_that_of_the_structures() -> None:
    text = pipeline_reference.PAGE.read_text(encoding="utf-8")
    assert text == pipeline_reference.page(), "run python -m tools.pipeline_reference"


@pytest.mark.parametrize("name", pipeline_reference.TABLES)
def test_a_key_is_not_in_the_reference(name: str) -> None:
    table = pipeline_reference.TABLES[name]
    heading = f"## `[{name}]`\n" if name else "## Top\n"
    section = pipeline_reference.page().split(heading, 1)[1].split("\n## ", 1)[0]
    told = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert told == [field.encode_name for field in msgspec.structs.fields(table)]
    assert all(line.count(" | ") == 3 for line in section.splitlines() if line.startswith("| `"))


def test_a_table_or_a_step_is_not_in_the_reference() -> None:
    tables = {field.name: field.type for field in msgspec.structs.fields(Pipeline)}
    for name, table in pipeline_reference.TABLES.items():
        assert not name or table.__name__ in str(tables[name])
    steps = pipeline_reference.page().split("## Steps", 1)[1].split("## Top", 1)[0]
    assert all(f"| {step.name} | {step.what} |" in steps for step in STEPS)
