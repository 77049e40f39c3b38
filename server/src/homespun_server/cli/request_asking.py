"""The parts of ``homespun-server request`` that ask devices: the list, who answered, and what lets devices register."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.table import Table

from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.request_desk import opened, say
from homespun_server.cli.signing import add_directory_option, add_signing_options, repository_of
from homespun_server.compliance.keys import public_compliance_keys
from homespun_server.compliance.requests.asking import Asking
from homespun_server.store import AuditLog, open_store


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[Asking]:
    with opened(options) as compliance:
        yield compliance.asking


def _ask(options: argparse.Namespace, console: Console) -> None:
    channels = settings_of(options).channels
    with _opened(options) as asking:
        if not options.now and not asking.is_due():
            say(console, "It is not time for another list; with --now there is one, which tells when you did this.")
            return
        entries = asking.publish(repository_of(options), channels)
    say(console, f"A list of {entries:,} entries is signed on {', '.join(channels)}; most of them may be random.")


def _devices(options: argparse.Namespace, console: Console) -> None:
    with opened(options) as compliance:
        if options.request is None:
            say(console, f"Registered devices: {compliance.asking.devices.count():,}.")
            return
        compliance.requests.requests.get(options.request)  # of one that is not there, no device is done either
        found = compliance.asking.states(options.request)
    _noted(options, "request devices", "view-devices", options.request)
    table = Table(box=box.SIMPLE)
    for name in ("device", "state", "asked", "answered"):
        table.add_column(name, overflow="fold", no_wrap=name == "device")
    for each in found:
        table.add_row(each.device, each.state, each.asked, each.answered or "–")
    console.print(table)
    say(console, "A device is done by its own signed receipt alone; one that is offline is pending.")


def _voucher(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as asking:
        voucher, subject = (
            asking.devices.voucher(options.account, options.hours),
            asking.devices.known_as(options.account),
        )
    # First the record, then the voucher: nobody lets devices in without a trace. It names a pseudonym, and no account.
    _noted(options, "request voucher", "make-voucher", subject or "nobody known", {"hours": options.hours})
    say(console, voucher)


def _key(options: argparse.Namespace, console: Console) -> None:
    if not options.vouching:
        say(console, public_compliance_keys(settings_of(options)).asking)
        return
    with _opened(options) as asking:
        say(console, asking.devices.vouching_key.hex())


def _noted(
    options: argparse.Namespace, command: str, action: str, subject: str, detail: dict[str, object] | None = None
) -> None:
    with open_store(settings_of(options).store, create=False) as store:
        AuditLog(store).add(command_actor(command), action, subject, detail)


def configure_asking(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command its parts that ask devices."""
    asking = parts.add_parser("ask", help="sign the list of open requests for devices, if it is time to")
    asking.set_defaults(run=_ask)
    asking.add_argument("--now", action="store_true", help="although it is not time to")
    add_signing_options(asking)
    devices = parts.add_parser("devices", help="how far each device is with a request; or how many are registered")
    devices.set_defaults(run=_devices)
    devices.add_argument("request", nargs="?", metavar="ID", help="the request (none: count devices)")
    voucher = parts.add_parser("voucher", help="print what lets a person's devices register")
    voucher.set_defaults(run=_voucher)
    voucher.add_argument("account", metavar="ACCOUNT", help="what you call the person who logged in")
    voucher.add_argument("--hours", type=float, default=24.0, metavar="H", help="valid for so long (24)")
    key = parts.add_parser("key", help="print the public key that devices seal to, for the application")
    key.set_defaults(run=_key)
    key.add_argument("--vouching", action="store_true", help="the secret that your backend makes vouchers with instead")
    for each in (devices, voucher, key):
        add_directory_option(each)
