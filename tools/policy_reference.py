"""Writes the reference of the policy's format, ``docs/reference/policy.md``, from its structures.

Usage: python -m tools.policy_reference [--check]

Nothing about a setting is written twice: what it means is its structure's docstring, and what it may be is the JSON
Schema. ``--check`` writes nothing and fails if the page is another.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from homespun.protocol.policy import Lifecycle, Policy, Surface, json_schema
from homespun.protocol.policy import rules as actions
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, Likes, ValueTest
from homespun.protocol.policy.policy import MAX_BYTES, MAX_DEPTH
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import PHASES, Case
from tools.statistics_reference import documentation, kept

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "policy.md"

HEAD = f"""\
# Policy

<!-- Made by tools/policy_reference.py from the structures. Change those, and run it. -->

The format of `policy.json`, which a bundle may hold and an application may put in its place. It is JSON of at most
{MAX_BYTES:,} bytes, nested at most {MAX_DEPTH} deep, with no fields but these; “–” is said by leaving a setting out.
The JSON Schema is `homespun/protocol/schemas/policy.json`, which ships with the client. How to
[write a policy](../how-to/write-a-policy.md), and [what each stage does to a list](../explanation/lists.md).

A policy's identity is the SHA-256 of its JSON with sorted members, without spaces and without settings that are as by
default. Records name it.
"""

PHASE_HEADS = (
    "## First phase: which items may stand in the list\n",
    "## Second phase: what they score\n\nEach adds to scores, but `blend`, which weighs the parts of the model's.\n",
    "## Third phase: how they stand\n\nEach moves items, and changes no score.\n",
)

SCALARS: Mapping[str, str] = {"boolean": "true or false", "null": "`null`"}

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_whole(), *_stages(), *_rules(), *_conditions()])


def names() -> dict[type, str]:
    """Return the headings of all structures."""
    return {
        **{kind: f"The stage {tag_of(kind)}" for kinds in PHASES for kind in kinds},
        **{kind: f"The action {tag_of(kind)}" for kind in get_args(actions.Action)},
        Policy: "The policy",
        Surface: "Surfaces",
        Lifecycle: "Lifecycle",
        Case: "Cases",
        Rule: "Rules",
        Condition: "Conditions",
        HistoryTest: "History tests",
        Likes: "Tests of likes",
        ItemTest: "Item tests",
        ValueTest: "Value tests",
    }


def tag_of(kind: type) -> str:
    """Return what a stage or an action is called in JSON."""
    return str(kind.__struct_config__.tag)  # type: ignore[attr-defined]


def settings(kind: type) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, values, default and meaning of each setting of a structure."""
    schema = json_schema()["$defs"][kind.__name__]
    fields = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)  # type: ignore[attr-defined]
    _, meanings = documentation(kind)
    for name, field in fields:
        told = schema["properties"][name]
        default = "needed" if name in schema.get("required", ()) else _default(told.get("default"))
        yield name, _values(told), default, meanings[field].replace("None:", "left out:")


def _whole() -> Iterator[str]:
    for kind in (Policy, Surface, Lifecycle):
        yield from _section(kind, 2)


def _stages() -> Iterator[str]:
    for head, kinds in zip(PHASE_HEADS, PHASES, strict=True):
        yield head
        for kind in kinds:
            yield from _section(kind, 3)
            yield from _section(Case, 4) if kind.__name__ == "Blend" else ()


def _rules() -> Iterator[str]:
    yield from _section(Rule, 2)
    for kind in get_args(actions.Action):
        yield from _section(kind, 3)


def _conditions() -> Iterator[str]:
    for kind in (Condition, HistoryTest, Likes, ItemTest, ValueTest):
        yield from _section(kind, 2)


def _section(kind: type, level: int) -> Iterator[str]:
    rule, _ = documentation(kind)
    yield f"{'#' * level} {names()[kind]}\n"
    yield f"{rule}\n"
    rows = list(settings(kind))
    if rows:
        yield "| Setting | Values | Default | Meaning |"
        yield "| --- | --- | --- | --- |"
        yield from (f"| `{name}` | {values} | {default} | {meaning} |" for name, values, default, meaning in rows)
        yield ""


def _values(schema: Schema) -> str:
    if "$ref" in schema or "anyOf" in schema:
        return _referring(schema)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    words = {"integer": _number, "number": _number, "string": _text, "array": _list, "object": _by_name}
    return words[schema["type"]](schema) if schema["type"] in words else SCALARS[schema["type"]]


def _list(schema: Schema) -> str:
    most = f", {schema['maxItems']:,} at most" if "maxItems" in schema else ""
    return f"list of {_values(schema['items'])}{most}"


def _by_name(schema: Schema) -> str:
    return f"by name, {_values(schema['additionalProperties'])}"


def _referring(schema: Schema) -> str:
    headings = {kind.__name__: heading for kind, heading in names().items()}
    found = [each.get("$ref", "").rpartition("/")[2] for each in schema.get("anyOf", [schema])]
    if "discriminator" in schema:
        return "one of the stages" if "Candidates" in found else "one of the actions"
    named = [f"[{headings[name].lower()}](#{headings[name].lower().replace(' ', '-')})" for name in found if name]
    others = [_values(each) for each in schema.get("anyOf", ()) if "$ref" not in each]
    # That a setting may be left out is told by its default.
    left = [each for each in others if each != SCALARS["null"] or "default" not in schema]
    return " or ".join([*named, *left])


def _number(schema: Schema) -> str:
    word = "whole number" if schema["type"] == "integer" else "number"
    least, above, most = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if least is not None and most is not None:
        return f"{word} from {_plain(least)} to {_plain(most)}"
    limits = [f"above {_plain(above)}"] if above is not None else []
    limits += [f"from {_plain(least)} up"] if least is not None else []
    limits += [f"at most {_plain(most)}"] if most is not None else []
    return f"{word} {', '.join(limits)}".strip()


def _plain(number: float) -> str:
    return f"{number:,g}" if abs(number) < 10**6 else f"{number:,}"


def _text(schema: Schema) -> str:
    if schema.get("format") == "date-time":
        return "time with its zone, as `2026-05-31T18:00:00Z`"
    if "pattern" in schema:
        return "kind of event"
    return f"text of at most {schema['maxLength']:,} characters" if "maxLength" in schema else "text"


def _default(value: object) -> str:
    return "–" if value is None else f"`{msgspec.json.encode(value).decode()}`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; 0 if it is what it should be."""
    return kept(PAGE, page, "policy", "structures", arguments)


if __name__ == "__main__":
    sys.exit(main())
