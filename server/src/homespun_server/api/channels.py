"""Routes of the channels: what devices are offered. Every change signs new metadata with the keys that are here.

A change is in the record of changes before it is made, and once more if it failed: what devices were offered never goes
unrecorded, whatever happens in between.
"""

from typing import Annotated

from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter

from homespun_server.api.acting import allowed, recorded
from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.problem import ClientError
from homespun_server.api.rollout import (
    Channels,
    ChannelState,
    MinimumRequest,
    OffRequest,
    PublishRequest,
    ReleaseState,
    RollbackRequest,
    ShareRequest,
    channel_state,
    release_state,
)
from homespun_server.api.services import AnyRequest, Given, Services, actor_of, requires
from homespun_server.errors import RegistryError
from homespun_server.publishing.registry import stage_on

ChannelName = Annotated[str, PathParameter(pattern="^[a-z][a-z0-9-]{0,31}$")]
ReleaseNumber = Annotated[int, PathParameter(ge=1, le=10**9)]

_CHANNEL = "/{application:str}/{stage:str}"
_RELEASE = _CHANNEL + "/releases/{number:int}"


@get("/", guards=[requires("read")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_channels(services: Given) -> Channels:
    """List the channels and what they offer."""
    return Channels(tuple(_state(services, name) for name in services.repository.channels()))


@get(_CHANNEL, guards=[requires("read")], security=SECURITY, responses=problems(404), sync_to_thread=True)
def get_channel(services: Given, application: ChannelName, stage: ChannelName) -> ChannelState:
    """Return what a channel offers, and every release it ever had."""
    return _state(services, known_channel(services, application, stage))


@post(
    _CHANNEL + "/releases",
    guards=[requires("publish")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def publish(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, data: JSONBody[PublishRequest]
) -> ReleaseState:
    """Release a registered bundle on a channel. Its stage in the registry follows."""
    channel = known_channel(services, application, stage)
    version = services.registry.get(data.bundle)
    if version.privacy == "non_private" and stage == "production":
        raise RegistryError(
            "the bundle is non-private: it was made from exact figures about people, and is not for production."
        )
    folder = services.registry.folder(data.bundle)
    detail = {"bundle": data.bundle, "share": data.share, "minimum_client": data.minimum_client, "note": data.note}
    with recorded(services, actor_of(request), "publish", channel, detail):
        release = services.repository.publish(
            folder, channel, share=data.share, minimum_client=data.minimum_client, note=data.note
        )
    why = f"release {release.number} of {channel}"
    services.registry.move(data.bundle, stage_on(stage, version.stage), actor_of(request), why)
    return release_state(release)


@post(
    _RELEASE + "/share",
    status_code=200,
    guards=[requires("roll-out")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def set_share(
    services: Given,
    request: AnyRequest,
    application: ChannelName,
    stage: ChannelName,
    number: ReleaseNumber,
    data: JSONBody[ShareRequest],
) -> ReleaseState:
    """Give a release to more devices, or to fewer that do not have it yet."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "set-share", channel, {"release": number, "share": data.share}):
        return release_state(allowed(lambda: services.repository.set_share(channel, number, data.share)))


@post(
    _RELEASE + "/pause",
    status_code=200,
    guards=[requires("take-back")],
    security=SECURITY,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def pause(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, number: ReleaseNumber
) -> ReleaseState:
    """Let no further device take a release; those that have it keep it."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "pause", channel, {"release": number}):
        return release_state(allowed(lambda: services.repository.pause(channel, number)))


@post(
    _RELEASE + "/resume",
    status_code=200,
    guards=[requires("roll-out")],
    security=SECURITY,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def resume(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, number: ReleaseNumber
) -> ReleaseState:
    """Let devices take a paused release again."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "resume", channel, {"release": number}):
        return release_state(allowed(lambda: services.repository.resume(channel, number)))


@post(
    _CHANNEL + "/rollback",
    guards=[requires("take-back")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def roll_back(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, data: JSONBody[RollbackRequest]
) -> ReleaseState:
    """Release an earlier release's bundle again, as a new release, to no more devices than it had reached."""
    channel = known_channel(services, application, stage)
    detail = {"to": data.to, "share": data.share, "note": data.note}
    with recorded(services, actor_of(request), "roll-back", channel, detail):
        # Whoever may only take back must not publish by it what no device was meant to have.
        made = allowed(
            lambda: services.repository.rollback(channel, data.to, data.note, share=data.share, reached_only=True)
        )
        return release_state(made)


@post(
    _CHANNEL + "/off",
    status_code=200,
    guards=[requires("take-back")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def switch_off(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, data: JSONBody[OffRequest]
) -> ChannelState:
    """Switch personal lists off: devices list what is the same for everybody."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "switch-off", channel, {"reason": data.reason}):
        allowed(lambda: services.repository.switch_off(channel, data.reason))
    return _state(services, channel)


@post(
    _CHANNEL + "/on",
    status_code=200,
    guards=[requires("roll-out")],
    security=SECURITY,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def switch_on(services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName) -> ChannelState:
    """Let devices make personal lists again."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "switch-on", channel, {}):
        allowed(lambda: services.repository.switch_on(channel))
    return _state(services, channel)


@put(
    _CHANNEL + "/minimum-client",
    guards=[requires("roll-out")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def set_minimum_client(
    services: Given, request: AnyRequest, application: ChannelName, stage: ChannelName, data: JSONBody[MinimumRequest]
) -> ChannelState:
    """Let only devices with at least that version of homespun take anything."""
    channel = known_channel(services, application, stage)
    with recorded(services, actor_of(request), "set-minimum-client", channel, {"version": data.version}):
        allowed(lambda: services.repository.set_minimum_client(channel, data.version))
    return _state(services, channel)


def routes() -> Router:
    """Return the routes."""
    reading = [list_channels, get_channel]
    changing = [publish, set_share, pause, resume, roll_back, switch_off, switch_on, set_minimum_client]
    return Router("/channels", route_handlers=[*reading, *changing], tags=["channels"])


def known_channel(services: Services, application: str, stage: str) -> str:
    """Return the name of a channel that there is.

    Raises:
        ClientError: If there is none.
    """
    name = f"{application}/{stage}"
    if name not in services.repository.channels():
        raise ClientError("there is no such channel; list the channels to see their names.", status_code=404)
    return name


def _state(services: Services, name: str) -> ChannelState:
    return channel_state(services.repository.channel(name), services.repository.history(name))
