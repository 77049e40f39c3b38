"""Writes the risks that the impact assessment starts from, from the threat model's page.

Usage: python -m tools.risks_reference [--check]
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.statistics_reference import kept

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "docs/threat-model.md"
RISKS = ROOT / "server/src/homespun_server/compliance/documents/risks.json"

_ROW = re.compile(r"^\|\s*(?P<threat>[^|]+?)\s*\|\s*(?P<defence>[^|]*?)\s*\|\s*(?P<shown>[^|]*?)\s*\|$")
_GROUP = re.compile(r"\*\*(.+)\*\*")
_LEFT = re.compile(r"^\*\*(?P<title>[^*]+?)\.?\*\*[.:]?\s*(?P<text>.*)", re.DOTALL)


def risks() -> str:
    """Return the risks as JSON: what is defended, by group, and what is not."""
    text = SOURCE.read_text(encoding="utf-8")
    found = {"schema": 1, "groups": list(_groups(_section(text, "What is defended, by what"))), "left": []}
    found["left"] = list(_left(_section(text, "What is not defended")))
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _groups(section: str) -> Iterator[dict[str, object]]:
    group: dict[str, object] | None = None
    rows: list[dict[str, object]] = []
    for row in filter(None, map(_ROW.match, section.splitlines())):
        heading = _GROUP.fullmatch(row["threat"])
        if heading:
            rows = []
            group = {"group": heading[1], "risks": rows}
            yield group
        elif group is not None:
            shown = re.findall(r"`([^`]+)`", row["shown"])
            rows.append({"risk": _plain(row["threat"]), "measure": _plain(row["defence"]), "tests": shown})


def _left(section: str) -> Iterator[dict[str, str]]:
    for paragraph in section.split("\n\n"):
        found = _LEFT.match(paragraph.strip())
        if found:
            yield {"risk": _plain(found["title"]), "why": _plain(found["text"])}


def _section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _plain(text: str) -> str:
    """Return a text without Markdown's marks, on one line."""
    without = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return " ".join(without.replace("`", "").replace("**", "").split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the risks, or check them; 0 if they are what they should be."""
    return kept(RISKS, risks, "risks", "threat model's rows", arguments)


if __name__ == "__main__":
    sys.exit(main())
