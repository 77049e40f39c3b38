"""What the tests of pages would overlook: each mistake is planted once, and has to be found."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import grave_violations
from tests.browser.chromium import REBOUND, VARIABLE, find, launch
from tests.browser.conftest import Windows, connections
from tests.browser.layout import PHONE, keyboard_problems, width_problems
from tests.browser.site import Answer, Site
from tests.browser.watch import LIMIT, Watch

STRICT = "default-src 'none'; style-src 'self'; img-src 'self'"


@pytest.fixture
def unjudged(chromium: Browser) -> Windows:
    """Windows whose problems the test itself looks at."""
    return Windows(chromium, Watch())


@pytest.mark.parametrize("environment", [{"PATH": ""}, {"PATH": "", VARIABLE: "no-such-browser"}, {}])
def test_the_tests_pass_over_a_missing_chromium(environment: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match=VARIABLE):
        find(environment)


def test_a_request_leaves_this_machine_unnoticed(unjudged: Windows, stranger: Site) -> None:
    page = unjudged()
    page.goto(stranger.page("/", "<img alt='' src='http://elsewhere.example/pixel.png'>"))
    assert any("http://elsewhere.example/pixel.png was asked for" in problem for problem in unjudged.close())


def test_the_browsers_record_of_its_connections_is_not_read(stranger: Site, chromium: Browser, tmp_path: Path) -> None:
    browser = launch(chromium.browser_type, tmp_path / "net.json")
    browser.new_page().goto(stranger.page("/", "<p>Here"))
    browser.close()
    assert set(connections(tmp_path / "net.json")) == {stranger.address.removeprefix("http://")}


def test_a_script_that_fails_is_not_noticed(unjudged: Windows, stranger: Site) -> None:
    page = unjudged()
    with page.expect_event("pageerror"):
        page.goto(stranger.page("/", "<script>nothing.at.all</script>"))
    assert any("a script failed" in problem for problem in unjudged.close())


def test_a_violated_content_policy_is_not_noticed(unjudged: Windows, stranger: Site) -> None:
    page = unjudged()
    page.goto(stranger.page("/", "<p id=here style='color: red'>Here", Content_Security_Policy=STRICT))
    expect(page.locator("#here")).to_be_visible()
    assert any("Content Security Policy" in problem for problem in unjudged.close())


@pytest.mark.parametrize("over", [0, 1])
def test_a_page_gets_heavier_than_the_limit_through_what_it_loads(unjudged: Windows, stranger: Site, over: int) -> None:
    url = stranger.page("/", "<link rel=stylesheet href=/a.css>")
    room = LIMIT + over - len(stranger.pages["/"].body)
    stranger.pages["/a.css"] = Answer("a" * room, {"Content-Type": "text/css"})
    page = unjudged()
    page.goto(url)
    problems = unjudged.close()
    assert [f"weighs {LIMIT + 1} bytes" in problem for problem in problems] == [True] * over


def test_a_saved_file_is_held_to_the_weight_of_a_page(unjudged: Windows, stranger: Site) -> None:
    url = stranger.page("/", "<a href=/export>Save</a>")
    headers = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="export.zip"'}
    stranger.pages["/export"] = Answer(b"z" * (LIMIT + 1), headers)
    page = unjudged()
    page.goto(url)
    with page.expect_download() as saved:
        page.get_by_text("Save").click()
    assert saved.value.path().stat().st_size == LIMIT + 1
    assert unjudged.close() == []


def test_a_grave_violation_is_not_found_under_a_strict_content_policy(windows: Windows, stranger: Site) -> None:
    page = windows()
    page.goto(stranger.page("/", "<main><h1>One</h1><img src=/a.png>", Content_Security_Policy=STRICT))
    windows.watch.expected.append("status of 404")
    (violation,) = grave_violations(page)
    assert "image-alt (critical)" in violation


def test_a_page_that_scrolls_sideways_passes(windows: Windows, stranger: Site) -> None:
    page = windows(PHONE)
    page.goto(stranger.page("/", "<table><tr><td style='min-width: 400px'>Wide</table>"))
    assert len(width_problems(page)) == 1


def test_a_control_that_only_a_mouse_reaches_passes(windows: Windows, stranger: Site) -> None:
    page = windows()
    away = "<script>document.getElementById('b').addEventListener('focus', event => event.target.blur())</script>"
    page.goto(stranger.page("/", f"<a href=/>One</a><button id=b>Two</button><button>Three</button>{away}"))
    (problem,) = keyboard_problems(page)
    assert "Tab does not reach 1: button Two" in problem


def test_a_focus_that_nobody_sees_passes(windows: Windows, stranger: Site) -> None:
    page = windows()
    page.goto(stranger.page("/", "<style>#b {outline: none}</style><a href=/>One</a><button id=b>Two</button>"))
    assert [problem for problem in keyboard_problems(page) if "nothing shows" not in problem] == []
    assert len(keyboard_problems(page)) == 1


def test_the_attackers_name_does_not_lead_here(windows: Windows, stranger: Site) -> None:
    windows.expect_rebinding()
    page = windows()
    url = stranger.page("/", "<p>Here")
    page.goto(url.replace("127.0.0.1", REBOUND))
    expect(page.get_by_text("Here")).to_be_visible()
