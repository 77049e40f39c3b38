"""Checks as a table, or as JSON."""

from collections.abc import Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homespun_server.compliance.checks import Check

SCHEMA_VERSION = 1

_STYLES = {"pass": "green", "fail": "red", "nothing": "yellow"}


def show_checks(checks: Sequence[Check], console: Console, *, as_json: bool) -> None:
    """Show what every check found.

    Args:
        checks: The checks.
        console: Where to.
        as_json: JSON rather than a table.
    """
    if as_json:
        content = {"schema": SCHEMA_VERSION, "passed": not any(each.failed for each in checks), "checks": list(checks)}
        console.out(msgspec.json.format(msgspec.json.encode(content), indent=2).decode(), highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for each in checks:
        result = {"nothing": "nothing there"}.get(each.outcome, each.outcome)
        table.add_row(each.name, Text(result, _STYLES[each.outcome]), Text(each.wrong or each.figure))
    console.print(table)
