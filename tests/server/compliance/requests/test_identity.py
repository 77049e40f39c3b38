"""Identity is settled by nobody, by a check that failed, or by one that is not there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from homespun_server.compliance.requests.identity import AccountToken, Identified, registered_check
from homespun_server.errors import ConflictError, OutputError, RequestError, SettingsError
from homespun_server.settings import FILE, read_settings, settings_text
from tests.server.compliance.requests.support import ADA, PERSON, Office, desk_of

HERE = "tests.server.compliance.requests.test_identity"
TOKEN = "t0ken-of-17"  # noqa: S105 - opens nothing

by_token = AccountToken({TOKEN: PERSON}.get)


def by_hand(identifier: str | None, offered: Mapping[str, str]) -> Identified:
    return Identified(f"signed in as {identifier}", f"session of {len(offered)} things")


def broken(identifier: str | None, offered: Mapping[str, str]) -> Identified:
    raise LookupError(f"{identifier} {offered}")


def unread(identifier: str | None, offered: Mapping[str, str]) -> Identified:
    raise OutputError(f"{identifier} {offered} cannot be read")


def careless(identifier: str | None, offered: Mapping[str, str]) -> bool:
    return bool(identifier and offered)


def registered(desk: Office, name: str) -> None:
    compliance = msgspec.structs.replace(desk.settings.compliance, identify=f"{HERE}:{name}")
    desk.desk = desk_of(replace(desk.settings, compliance=compliance), desk.store, desk.clock)


@pytest.mark.parametrize(("name", "method"), [("by_hand", f"signed in as {PERSON}"), ("by_token", "account")])
def test_what_the_operators_check_found_is_not_recorded(desk: Office, name: str, method: str) -> None:
    registered(desk, name)
    request = desk.opened(until="received")
    assert desk.desk.identify(request.id, {"token": TOKEN}, ADA, seen=1).state == "identified"
    (event,) = (each for each in desk.desk.requests.get(request.id).timeline if each.what == "identified")
    assert method in str(event.detail["method"])
    assert TOKEN not in str(event.detail)
    with pytest.raises(ConflictError):
        desk.desk.identify(request.id, {"token": TOKEN}, ADA, seen=1)


@pytest.mark.parametrize(
    ("name", "offered", "problem"),
    [
        ("by_token", {"token": "another"}, "not that of the person"),
        ("by_token", {}, "not that of the person"),
        ("broken", {"token": TOKEN}, r"failed \(LookupError\)"),
        ("unread", {"token": TOKEN}, r"failed \(OutputError\)"),
        ("careless", {"token": TOKEN}, "returned bool and not Identified"),
    ],
)
def test_a_check_that_failed_settles_it(desk: Office, name: str, offered: dict[str, str], problem: str) -> None:
    registered(desk, name)
    request = desk.opened(until="received")
    with pytest.raises(RequestError, match=problem) as caught:
        desk.desk.identify(request.id, offered, ADA)
    assert TOKEN not in str(caught.value)
    assert desk.desk.requests.get(request.id).request.state == "received"


def test_identity_is_settled_where_no_check_is_registered(desk: Office) -> None:
    request = desk.opened(until="received")
    with pytest.raises(RequestError, match="no check of identity is registered"):
        desk.desk.identify(request.id, {"token": TOKEN}, ADA)


@pytest.mark.parametrize("name", ["no.such.module:check", f"{HERE}:nothing", f"{HERE}:TOKEN"])
def test_settings_name_a_check_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError, match=r"compliance\.identify names"):
        registered_check(name)


def test_settings_name_no_check_at_all(tmp_path: Path) -> None:
    text = settings_text("films", ("canary", "production"))
    (tmp_path / FILE).write_text(f'{text}\n[compliance]\nidentify = "os.system"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="identify"):
        read_settings(tmp_path, {})
    assert registered_check("") is None
