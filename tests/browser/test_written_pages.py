"""Pages that commands write to files: somebody cannot read, reach or fit one of them, or it asks for something."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homespun_server.cli.budget_page import page as budget_page
from homespun_server.evaluation.page import page as evaluation_page
from homespun_server.experiments.page import page as experiment_page
from homespun_server.privacy.ledger.report import budget_report
from tests.browser.conftest import Windows
from tests.browser.judging import judge
from tests.browser.site import Answer, Site
from tests.sdk.person.test_export_page import page_of as export_page
from tests.server.cli.test_budget import years
from tests.server.evaluation.test_page import report_of as evaluation
from tests.server.experiments.test_page import report as experiment

PAGES: dict[str, Callable[[Path], str]] = {
    "budget": lambda _: budget_page(budget_report(years(3).ledger.state())),
    "evaluation": lambda _: evaluation_page(evaluation("first", "second")),
    "experiment": lambda _: experiment_page(experiment()),
    "export": export_page,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_written_page_keeps_somebody_out(windows: Windows, stranger: Site, tmp_path: Path, name: str) -> None:
    stranger.pages["/"] = Answer(PAGES[name](tmp_path))
    assert judge(windows, lambda page: page.goto(stranger.address)) == []
