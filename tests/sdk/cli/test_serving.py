"""What could go wrong when a person opens their page from a terminal."""

import re
import threading

import pytest

from homespun.console import Console
from tests.sdk.cli.support import Options, Run
from tests.sdk.console.visiting import PAGES, Visitor


def test_the_command_opens_no_page_or_changes_nothing(
    run: Run, whole: Options, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, object] = {}

    def look(self: Console) -> None:
        # What the person does while the command waits; Ctrl-C ends it.
        url = re.search(r"http://\S+", capsys.readouterr().out)
        assert url is not None
        with Visitor(url[0]) as visitor:
            seen["pages"] = {visitor.get(page).status for page in PAGES}
            choices = visitor.read("choices")
            seen["offers"] = [form for form in choices.forms if form.fields.get("notice")]
            visitor.send(choices.form("switch", control="pause"))
        raise KeyboardInterrupt

    monkeypatch.setattr(Console, "wait", look)
    status, out, err = run("console", *whole)
    assert (status, err) == (0, "")
    assert out.endswith("The page is closed.\n")
    # Without an application there are no words to agree to.
    assert seen == {"pages": {200}, "offers": []}
    assert "record nothing new" in run.done("profile", "show", *whole)
    assert not [each for each in threading.enumerate() if "homespun console" in each.name]


def test_a_page_that_was_closed_in_the_browser_goes_on_in_the_terminal(
    run: Run, whole: Options, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wait = Console.wait

    def close(self: Console) -> None:
        url = re.search(r"http://\S+", capsys.readouterr().out)
        assert url is not None
        with Visitor(url[0]) as visitor:
            form = visitor.read().form("close")
            assert visitor.post(form.action, form.fields).status == 200
        wait(self)

    monkeypatch.setattr(Console, "wait", close)
    status, out, err = run("console", *whole)
    assert (status, out, err) == (0, "The page is closed.\n", "")


def test_a_page_of_no_profile_is_served(run: Run) -> None:
    run.fails("no profile", "console", "--profile", "nowhere", "--passphrase-file", "nowhere")
