"""A form that no page of the console has, sent by somebody who signed in."""

from tests.server.api.support import Running
from tests.server.console.support import browsing
from tests.server.console.test_pages import filled


def test_a_form_that_was_made_up_breaks_the_service(service: Running) -> None:
    path = filled(service, "/console/requests/REQUEST/confirm")
    with browsing(service, "compliance") as browser:
        for seen in ("1" * 5000, "1" * 10, "-1", "x", "1.0", "²", "१" * 5000):
            assert browser.send(path, how="by mail", seen=seen).status == 400, seen[:10]
    assert [each for each in service.events if each["level"] == "error"] == []
