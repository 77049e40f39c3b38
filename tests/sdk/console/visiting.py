"""A browser for the person's page, as far as tests need one: it has a cookie, and reads forms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import quote, urlencode

import urllib3

import homespun as hs

PAGES = ("", "known", "choices", "left", "yours")
NOTICE = hs.Notice("May the page ask this?", version="7")


@dataclass
class Form:
    """A form as it stands on a page, with what it sends if nobody touches it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


class Page(HTMLParser):
    """What a page says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._within = False
        self._select = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "form":
            self.forms.append(Form(found["action"] or ""))
            self._within = True
        elif self._within and tag in {"input", "select"} and found.get("type") != "checkbox":
            self.forms[-1].fields[found["name"] or ""] = found.get("value") or ""
            self._select = found["name"] or "" if tag == "select" else ""
        elif self._within and tag == "option" and "selected" in found:
            self.forms[-1].fields[self._select] = found.get("value") or ""
        elif self._within and tag == "button" and not self.forms[-1].button:
            self.forms[-1].button = found.get("aria-label") or "?"

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "form"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def form(self, action: str, **wanted: str) -> Form:
        """The first form of an action with these values."""
        return next(
            each
            for each in self.forms
            if each.action == f"do/{action}" and wanted.items() <= {**each.fields, "button": each.button}.items()
        )


class Visitor:
    """Somebody with a browser on this machine."""

    def __init__(self, url: str = "") -> None:
        self._pool = urllib3.PoolManager(retries=False, timeout=20)
        self.origin, self.place, self.cookie = "", "", ""
        self.answers: list[urllib3.BaseHTTPResponse] = []
        if url:
            self.enter(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def enter(self, url: str) -> None:
        self.origin = url.partition("/enter/")[0]
        answer = self.ask("GET", url)
        assert answer.status == 200, answer.data
        found = re.search(rb"url=(/[^\"]+/)\"", answer.data)
        assert found is not None
        self.place = found[1].decode()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def ask(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        answer = self._pool.request(method, url, redirect=False, **options)
        self.answers.append(answer)
        return answer

    def get(self, page: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
        sent = {"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.ask("GET", f"{self.origin}{self.place}{page}", headers=sent)

    def read(self, page: str = "") -> Page:
        answer = self.get(page)
        assert answer.status == 200, (page, answer.data)
        return Page(answer.data.decode())

    def post(self, action: str, fields: dict[str, str], **headers: str) -> urllib3.BaseHTTPResponse:
        sent = {
            "Cookie": self.cookie,
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", f"{self.origin}{self.place}{action}", headers=sent, body=urlencode(fields))

    def send(self, form: Form, **changed: str) -> Page:
        """Send a form as a browser without scripts does, and return the page that it leads to."""
        answer = self.post(form.action, {**form.fields, **changed})
        assert answer.status == 303, answer.data
        after = self.ask("GET", f"{self.origin}{answer.headers['Location']}", headers={"Cookie": self.cookie})
        assert after.status == 200
        return Page(after.data.decode())

    def why(self, item: str) -> str:
        return f"why?item={quote(item, safe='')}"


def told(page: Page) -> str:
    return page.text


def every(page: Page, tag: str) -> Iterator[dict[str, str | None]]:
    return (found for name, found in page.tags if name == tag)
