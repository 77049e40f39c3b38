"""The frame of every page: head, way around, what was just done, and the page itself."""

from homespun.console.markup import NOTHING, Child, Html, element
from homespun.console.view import View, button

PAGES = {
    "": "For you",
    "known": "About you",
    "choices": "Your choices",
    "left": "What left",
    "yours": "Take or erase",
}
"""The pages that can be gone to, in their order."""

FAREWELL_STYLE = (
    ":root{color-scheme:light dark}"
    "body{max-width:46rem;margin:4rem auto;padding:0 1.25rem;font:1rem/1.55 system-ui,sans-serif}"
)
"""What the last page looks like, in the page itself: after it there is nobody who would be given a file."""

LEAVING = "do/close"
"""Where the form leads that ends the session."""

_FOOTER = (
    "This page comes from the application on this device, and loads nothing from anywhere else. It ends when you close "
    "it, and by itself when you do not use it, at the latest half a day after it was opened."
)


def document(view: View, page: str, title: str, *children: Child) -> bytes:
    """Return a whole page in UTF-8."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – your own page"),
        element("link", rel="icon", href="icon.svg"),
        element("link", rel="stylesheet", href="console.css"),
        element("script", src="console.js", defer=True),
    )
    body = element(
        "body",
        element("a", "To the content", href="#content", class_="skip"),
        _header(page),
        element("main", _said(view), element("h1", title), children, id="content", tabindex=-1),
        element("footer", element("p", _FOOTER), view.form(LEAVING.removeprefix("do/"), button("Close this page"))),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n".encode()


def entrance(place: str) -> bytes:
    """Return the page that leads in; a browser goes on from here by itself."""
    # Not a redirect: a cookie that is strictly for this site is not sent along with one that began elsewhere.
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="refresh", content=f"0;url=/{place}/"),
        element("link", rel="icon", href=f"/{place}/icon.svg"),
        element("title", "Your own page"),
    )
    body = element("body", element("p", element("a", "Go on to your own page", href=f"/{place}/")))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n".encode()


def farewell() -> bytes:
    """Return what is shown after the session: nothing of the person, and all that it needs."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", "Your own page is closed"),
        element("style", Html(FAREWELL_STYLE)),
    )
    told = "The application opens it again by a new address. Other windows go on showing what they show."
    body = element("body", element("main", element("h1", "Your own page is closed"), element("p", told)))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n".encode()


def _header(page: str) -> Html:
    links = [
        element("li", element("a", words, href=name or "./", aria_current="page" if name == page else None))
        for name, words in PAGES.items()
    ]
    mark = element("p", element("span", class_="dot", aria_hidden="true"), "Your own page", class_="mark")
    return element(
        "header", element("div", mark, element("nav", element("ul", links), aria_label="Pages"), class_="bar-top")
    )


def _said(view: View) -> Html:
    told = [
        element("p", text, class_="said" if good else "said wrong", role="status" if good else "alert")
        for good, text in (view.session.said if view.ahead else view.session.heard())
    ]
    return element("div", told, class_="told") if told else NOTHING
