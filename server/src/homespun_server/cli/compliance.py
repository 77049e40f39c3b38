"""``homespun-server compliance``: make the keys of compliance, and show what is kept under them."""

import argparse

from rich.console import Console

from homespun_server.cli.directory import settings_of
from homespun_server.cli.signing import add_directory_option, passphrase_of
from homespun_server.compliance.keys import FILE, create_compliance_keys, public_compliance_keys
from homespun_server.compliance.opening import open_compliance
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings
from homespun_server.store import open_store

_KEYS = """\
receipts  {keys.receipts}
log       {keys.log}
asking    {keys.asking}"""

_MADE = """\
{path} is made. It is sealed under the passphrase of the working directory's keys; keep a copy of both where a fire does
not take them: without it nobody's records can be found any more, and what was erased cannot be kept erased.

These public keys are for everybody. Applications pin the first one to check receipts, auditors the second:

{keys}"""


def _init(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    passphrase = passphrase_of(None, settings.passphrase, new=True)
    create_compliance_keys(settings, passphrase("the compliance keys"))
    keys = _KEYS.format(keys=public_compliance_keys(settings))
    _say(console, _MADE.format(path=settings.keys / FILE, keys=keys))


def _status(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    keys = public_compliance_keys(settings)
    _say(console, f"Compliance keys of {keys.created}:\n{_KEYS.format(keys=keys)}")
    controller = settings.compliance.controller
    _say(console, f"Controller: {'named by nobody yet' if controller is None else controller.name}.")
    _say(console, f"Global Privacy Control is {'honoured' if settings.compliance.gpc else 'not honoured'}.")
    _say(console, _kept(settings))


def _kept(settings: ServerSettings) -> str:
    with open_store(settings.store, create=False) as store:
        compliance = open_compliance(settings, store)
        if compliance is None:
            return f"What is kept under them can be shown once {PASSPHRASE_VARIABLE} is set."
        events, refused = compliance.consents.size()
        return f"Consent events: {events:,}; reports refused: {refused:,}. Log entries: {compliance.log.size():,}."


def _say(console: Console, told: str) -> None:
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its two parts."""
    command.description = "The keys of compliance: pseudonyms, receipts, the log, tombstones, and asking devices."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    making = parts.add_parser("init", help="make the keys of a working directory that has none")
    making.set_defaults(run=_init)
    showing = parts.add_parser("status", help="show the public keys, and how much is kept")
    showing.set_defaults(run=_status)
    for each in (making, showing):
        add_directory_option(each)
