"""Whether a look at a person is for a case: a request of theirs that somebody still works on."""

from homespun_server.compliance.requests.course import ENDED
from homespun_server.compliance.requests.requests import Requests
from homespun_server.errors import UnknownRequestError


def check_case(requests: Requests, case: str, identifier: str, subject: str | None) -> None:
    """Check that a request is about a person, and has not ended.

    What the request was opened for counts: the name where it was opened with one, and else the pseudonym. So a case
    about nobody who is known opens nobody else.

    Args:
        requests: The requests.
        case: The request's id.
        identifier: What the operator calls the person.
        subject: Their pseudonym; None: they have none.

    Raises:
        UnknownRequestError: There is none, it has ended, or it is about somebody else; which one is not told.
    """
    try:
        state, person = requests.get(case).request.state, requests.person(case)
    except UnknownRequestError:
        raise _none() from None
    is_theirs = (
        subject is not None and person.subject == subject
        if person.identifier is None
        else person.identifier == identifier
    )
    if state in ENDED or not is_theirs:
        raise _none()


def _none() -> UnknownRequestError:
    return UnknownRequestError(
        "there is no such case about this person that is still open, so nothing of them is shown. Open a request, or "
        "check its id and the name."
    )
