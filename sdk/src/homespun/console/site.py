"""Which address is which page, and who may see it.

Whoever has no session is told the same of every address: that there is something, and nothing of what it is.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from homespun.console.actions import ACTIONS
from homespun.console.answers import ICON, SCRIPT, STYLE, Answer, alone, download, refusal, see
from homespun.console.entering import Entrance, Session, is_own
from homespun.console.forms import MAX_FIELDS, Form
from homespun.console.handler import BAD, COOKIE, Asked
from homespun.console.layout import FAREWELL_STYLE, LEAVING, PAGES, document, entrance, farewell
from homespun.console.markup import Html, address
from homespun.console.pages import choices, known, left, listing, why, yours
from homespun.console.parts import Notices, Parts
from homespun.console.private import PrivateSession
from homespun.console.serving import LOOPBACK
from homespun.console.view import View
from homespun.errors import ClosedError, HomespunError, MisuseError, ProfileError
from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.receipts import encode

FORBIDDEN, NOT_FOUND, GONE = 403, 404, 503

_SHUT = "This page opens by its own address only, which is good for one time. Ask the application for a new one."

_MAKERS: Final[Mapping[str, Callable[[View], Html]]] = {
    "": listing.page,
    "known": known.page,
    "choices": choices.page,
    "left": left.page,
    "yours": yours.page,
}
_FILES: Final = {"console.css": STYLE, "console.js": SCRIPT, "icon.svg": ICON}


class PersonSite:
    """The pages of one person."""

    def __init__(self, parts: Parts, entrance: Entrance, notices: Notices, private: PrivateSession) -> None:
        """Serve nobody yet.

        Args:
            parts: The person.
            entrance: Who may come in.
            notices: The words that the application gave; they may change.
            private: The private session that can be begun.
        """
        self._parts = parts
        self._entrance = entrance
        self._notices = notices
        self._private = private
        self.host = ""

    def listens_at(self, port: int) -> None:
        """Take note of the port, by which the host and the origin are known."""
        self.host = f"{LOOPBACK}:{port}"

    def is_over(self, idle_seconds: float) -> bool:
        """Return whether nobody can come any more, or nobody who may came for so long."""
        return self._entrance.is_over(idle_seconds)

    def get(self, target: str, headers: Asked) -> Answer:
        """Answer a request that changes nothing, but for letting somebody in."""
        asked = urlsplit(target)
        if asked.path.startswith("/enter/"):
            return self._enter(asked.path.removeprefix("/enter/"), headers)
        page = self._page(asked.path)
        session = None if page is None else self._session(headers)
        if session is None or page is None:
            return refusal(FORBIDDEN, _SHUT)
        try:
            query = dict(parse_qsl(asked.query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError:
            return refusal(BAD, "This is no address of this page.")
        return self._told(lambda: self._shown(self._view(session, query, ahead=headers.ahead), page))

    def post(self, target: str, headers: Asked, body: str) -> Answer:
        """Answer a form."""
        page = self._page(urlsplit(target).path)
        if page is None or headers.origin != f"http://{self.host}":
            return refusal(FORBIDDEN, _SHUT)
        session = self._session(headers)
        if session is None:
            return refusal(FORBIDDEN, _SHUT)
        return self._told(lambda: self._done(session, page, body, headers))

    def _enter(self, token: str, headers: Asked) -> Answer:
        session = None if headers.ahead else self._entrance.enter(token)
        if session is None:
            return refusal(FORBIDDEN, _SHUT)
        place = self._entrance.place
        return Answer(entrance(place), headers=self._cookie(session.secret))

    def _cookie(self, value: str, more: str = "") -> Mapping[str, str]:
        cookie = f"{COOKIE}={value}; Path=/{self._entrance.place}/; HttpOnly; SameSite=Strict{more}"
        return ReadOnlyDict({"Set-Cookie": cookie})

    def _session(self, headers: Asked) -> Session | None:
        # A browser that says so asks for another page's sake: another site's, or another port's of this machine.
        if headers.site not in {"", "none", "same-origin"}:
            return None
        return self._entrance.session(headers.secrets)

    def _page(self, path: str) -> str | None:
        place = f"/{self._entrance.place}/"
        return path.removeprefix(place) if path.startswith(place) else None

    def _view(self, session: Session, query: Mapping[str, str], *, ahead: bool = False) -> View:
        return View(self._parts, session, self._notices, self._private, query, ahead)

    def _told(self, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except ClosedError:
            return refusal(GONE, "The application has closed your profile, and this page with it.")
        except ProfileError as error:
            return refusal(GONE, str(error))
        except HomespunError as error:
            return refusal(NOT_FOUND, str(error))

    def _shown(self, view: View, page: str) -> Answer:
        if page in _FILES:
            return Answer(files("homespun.console").joinpath(page).read_bytes(), _FILES[page])
        if page in _MAKERS:
            return Answer(document(view, page, PAGES[page], _MAKERS[page](view)))
        if page == "list":
            return Answer(listing.fragment(view).encode())
        if page == "why":
            title, made = why.page(view)
            return Answer(document(view, page, title, made))
        if page == "receipt":
            return _receipt(view)
        return refusal(NOT_FOUND, "There is no such page.")

    def _done(self, session: Session, page: str, body: str, headers: Asked) -> Answer:
        form, act = Form.of(body), ACTIONS.get(page.removeprefix("do/"))
        if not is_own(session, form.exact("csrf")):
            return refusal(FORBIDDEN, _SHUT)
        if page == LEAVING:
            self._entrance.leave(session)
            return Answer(
                farewell(), headers=ReadOnlyDict({**self._cookie("", "; Max-Age=0"), **alone(FAREWELL_STYLE)})
            )
        if act is None or not page.startswith("do/"):
            return refusal(NOT_FOUND, "There is no such form.")
        view = self._view(session, ReadOnlyDict())
        try:
            made = act(view, form)
        except ClosedError:
            raise
        except MisuseError as error:
            session.say(str(error), good=False)
            made = None
        if made is not None:
            return made
        if headers.fetched:
            return Answer(listing.fragment(view).encode())
        return see(f"/{self._entrance.place}/{_back(form)}")


def _back(form: Form) -> str:
    page = form.text("back")
    return address(page) if page in PAGES and page else ""


def _receipt(view: View) -> Answer:
    number = Form(view.query).whole("number")
    if number >= len(view.session.receipts):
        return refusal(NOT_FOUND, "There is no such receipt.")
    return download(encode(view.session.receipts[number]), "application/json", "receipt.json")
