"""The published JSON Schema of a declaration, made from the structure itself.

What a schema cannot say, that the parts of a declaration fit together, is checked where one is made or read.
"""

from inspect import cleandoc
from typing import Any

import msgspec

from homespun.protocol.statistics.declaration import Statistic


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema that every declaration fits; the shipped file is this in JSON with two spaces."""
    schema = msgspec.json.schema(Statistic)
    for definition in schema["$defs"].values():
        # Without what only Python's reader wants, and the same whether or not Python strips docstrings itself.
        definition["description"] = cleandoc(definition["description"]).split("\n\nAttributes:")[0]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:homespun:statistic:1"}
    return {**head, "title": "The declaration of a statistic: a bounded sum over people", **schema}
