"""Pages of what devices are offered, and forms that pause, resume and roll back.

They do what the API's routes do, with the same rules and the same record; a page asks for a reason beside it, and for
the password before a rollback.
"""

from typing import Annotated

from litestar.params import PathParameter
from litestar.response import Redirect

from homespun_server.api.acting import allowed, recorded
from homespun_server.api.channels import known_channel
from homespun_server.api.problem import ClientError
from homespun_server.console.desk import At, PageRequest, Sent
from homespun_server.console.pages.kinds import Said, back_to, changing, confirm, reading, reason_in
from homespun_server.console.rendering import Page
from homespun_server.console.said import text_of
from homespun_server.console.views.rollout import channel_views

PATH = "/console/rollout"

ChannelName = Annotated[str, PathParameter(pattern="^[a-z][a-z0-9-]{0,31}$")]
ReleaseNumber = Annotated[int, PathParameter(ge=1, le=10**9)]

_RELEASE = "/rollout/{application:str}/{stage:str}/{number:int}"


@reading("/rollout")
def rollout_page(desk: At, request: PageRequest, said: Said = "") -> Page:
    """Show what devices are offered."""
    channels = channel_views(desk.services)
    return desk.renderer.page("rollout", request.auth, place="rollout", channels=channels, said=text_of(said))


@changing(_RELEASE + "/pause", "take-back")
def pause(
    desk: At, request: PageRequest, sent: Sent, application: ChannelName, stage: ChannelName, number: ReleaseNumber
) -> Redirect:
    """Let no further device take a release."""
    channel, why = known_channel(desk.services, application, stage), reason_in(sent)
    with recorded(desk.services, request.auth.actor, "pause", channel, {"release": number, "reason": why}):
        allowed(lambda: desk.services.repository.pause(channel, number))
    return back_to(PATH, "paused", channel.replace("/", "-"))


@changing(_RELEASE + "/resume", "roll-out")
def resume(
    desk: At, request: PageRequest, sent: Sent, application: ChannelName, stage: ChannelName, number: ReleaseNumber
) -> Redirect:
    """Let devices take a paused release again."""
    channel, why = known_channel(desk.services, application, stage), reason_in(sent)
    with recorded(desk.services, request.auth.actor, "resume", channel, {"release": number, "reason": why}):
        allowed(lambda: desk.services.repository.resume(channel, number))
    return back_to(PATH, "resumed", channel.replace("/", "-"))


@changing("/rollout/{application:str}/{stage:str}/rollback", "take-back")
def roll_back(desk: At, request: PageRequest, sent: Sent, application: ChannelName, stage: ChannelName) -> Redirect:
    """Release an earlier bundle again, to no more devices than it had reached."""
    channel, why = known_channel(desk.services, application, stage), reason_in(sent)
    to = sent.get("to", "")
    if not to.isdecimal() or len(to) > 9:  # noqa: PLR2004 - digits
        raise ClientError("choose the release to go back to. Nothing was changed.", status_code=400)
    confirm(desk, request.auth, sent)
    with recorded(desk.services, request.auth.actor, "roll-back", channel, {"to": int(to), "note": why}):
        allowed(lambda: desk.services.repository.rollback(channel, int(to), why, reached_only=True))
    return back_to(PATH, "rolled-back", channel.replace("/", "-"))


HANDLERS = (rollout_page, pause, resume, roll_back)
