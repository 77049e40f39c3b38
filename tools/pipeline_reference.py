"""Writes the reference of the pipeline's file, ``docs/reference/pipeline.md``, from its structures.

Usage: python -m tools.pipeline_reference [--check]

Nothing about a key is written twice: what it means is its structure's docstring, and what it may be is its type.
``--check`` writes nothing and fails if the page is another.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from homespun_server.running.settings import Card, Evaluation, Fit, Gates, Inputs, Ledger, Pipeline, Publish
from homespun_server.running.steps.step import STEPS
from tools.statistics_reference import documentation, kept

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "pipeline.md"

TABLES: Mapping[str, type[msgspec.Struct]] = {
    "": Pipeline,
    "inputs": Inputs,
    "fit": Fit,
    "ledger": Ledger,
    "evaluation": Evaluation,
    "gates": Gates,
    "publish": Publish,
    "card": Card,
}

HEAD = """\
# Pipeline

<!-- Made by tools/pipeline_reference.py from the structures. Change those, and run it. -->

The format of `pipeline.toml`, which `homespun-server run` follows. It has no keys but these, and paths are relative to
the file. How to [publish a model](../how-to/publish-a-model.md).

## Steps

A step's results are kept in `work/<step>/<key>/`. The key is the SHA-256 of the step's name, what it was asked, the
keys of the steps that it is made from and, from training on, the versions of the program and its libraries. A step
whose key is there is not done again. An update thus releases no counts anew. It does make `evaluate` anew, as
everything does that changes the model or the table `[evaluation]`; with `metrics_epsilon`, that would be spent again,
so the run stops and spends it only with `--spend-again`.

| Step | Does | Reads people's data | Made anew by an update |
| --- | --- | --- | --- |
"""

AFTER = """\
| sign | puts a release for no device into the channel's signed document | no | – |
| publish | gives it to the first share of devices | no | – |
| roll out | goes on to the next share when its time has come | no | – |

The last three are kept by the registry and the signed repository, which every run asks first.

| Exit status | Means |
| --- | --- |
| 0 | done |
| 1 | an error, which says what to do |
| 2 | wrong usage |
| 3 | a gate was not met; nothing was signed |
| 130 | interrupted |
"""

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page."""
    steps = [
        f"| {step.name} | {step.what} | {'yes' if step.reads_people else 'no'} | {'yes' if step.by_code else 'no'} |"
        for step in STEPS
    ]
    sections = [line for name, table in TABLES.items() for line in _section(name, table)]
    return "\n".join([HEAD + "\n".join(steps), AFTER, *sections])


def keys(table: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, values, default and meaning of each key of a table."""
    (told,), components = msgspec.json.schema_components([table])
    schema = components[told["$ref"].rpartition("/")[2]]
    _, meanings = documentation(table)
    for field in msgspec.structs.fields(table):
        own = schema["properties"][field.encode_name]
        default = "needed" if field.required else _default(own)
        yield (
            field.encode_name,
            _values(own),
            default,
            meanings[field.name].replace(". None:", "; left out:").replace("None:", "left out:"),
        )


def _section(name: str, table: type[msgspec.Struct]) -> Iterator[str]:
    rule, _ = documentation(table)
    yield f"## `[{name}]`\n" if name else "## Top\n"
    yield f"{rule}\n"
    yield "| Key | Values | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    yield from (f"| `{key}` | {values} | {default} | {meaning} |" for key, values, default, meaning in keys(table))
    yield ""


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return "its defaults"
    value = schema["default"]
    return f"`{msgspec.json.encode(value).decode()}`" if value or value in (False, 0) else "–"


def _values(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(text for each in schema["anyOf"] if (text := _values(each)) != "nothing")
    if "$ref" in schema:
        return "a table, below"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return _KINDS[schema["type"]](schema)


def _number(noun: str, schema: Schema) -> str:
    bounds = [f"{sign} {schema[name]:g}" for name, sign in _BOUNDS.items() if name in schema]
    return " ".join([noun, " and ".join(bounds)]).strip()


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

_KINDS: Mapping[str, Callable[[Schema], str]] = {
    "integer": lambda schema: _number("whole number", schema),
    "number": lambda schema: _number("number", schema),
    "string": lambda schema: f"text of at most {schema['maxLength']:,}" if "maxLength" in schema else "text",
    "boolean": lambda _: "true or false",
    "null": lambda _: "nothing",
    "array": lambda schema: f"list of {_values(schema['items'])}",
    "object": lambda schema: f"by name, {_values(schema['additionalProperties'])}",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; 0 if it is what it should be."""
    return kept(PAGE, page, "pipeline", "structures", arguments)


if __name__ == "__main__":
    sys.exit(main())
