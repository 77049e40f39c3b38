"""Runs axe-core's rules in a page, under the page's own content policy.

The source is handed to the browser's debugger, not to the page: it is evaluated as whoever types into the developer
tools evaluates, which no content policy forbids. So no context needs ``bypass_csp``, and what is examined is the page
exactly as people get it. Preloading is off, because axe would fetch style sheets again.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parent / "vendor/axe-core/axe.min.js"
RUN = """
axe.run(document, {preload: false, resultTypes: ['violations']}).then(found => JSON.stringify(
  found.violations.map(({id, impact, help, nodes}) =>
    ({id, impact, help, nodes: nodes.map(node => node.html + ' ' + (node.failureSummary || ''))}))))
"""
GRAVE = {"serious", "critical"}


@cache
def _source() -> str:
    return SOURCE.read_text(encoding="utf-8")


def violations(page: Page) -> list[dict[str, Any]]:
    """Return every violation of axe-core's rules, grave or not."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("Runtime.evaluate", {"expression": f"void ({{}});\n{_source()}\nvoid 0"})
        answer = session.send("Runtime.evaluate", {"expression": RUN, "awaitPromise": True, "returnByValue": True})
    finally:
        session.detach()
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    found: list[dict[str, Any]] = json.loads(answer["result"]["value"])
    return found


def grave_violations(page: Page) -> list[str]:
    """Return the serious and the critical violations, each in a line with the elements that it is about."""
    return [
        f"{page.url}: {each['id']} ({each['impact']}): {each['help']}\n  " + "\n  ".join(each["nodes"])
        for each in violations(page)
        if each["impact"] in GRAVE
    ]
