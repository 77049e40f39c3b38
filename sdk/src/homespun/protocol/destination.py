"""Where something may be sent: an origin over TLS, or this very machine.

Without TLS anybody on the way reads and changes what is sent, so plain HTTP is for loopback addresses only. A host
is written in ASCII, because letters of other alphabets can pass for Latin ones; an internationalised name is given
in its ``xn--`` form.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from homespun.errors import MisuseError

_ORIGIN = re.compile(r"(https?)://(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::([0-9]{1,5}))?/?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_HOST = 253
_MAX_PORT = 65_535
_DEFAULT_PORTS = (("https", 443), ("http", 80))


def origin(destination: str) -> str:
    """Return the origin in its one spelling: lower case, without a default port or a closing slash.

    Args:
        destination: ``https://host`` or ``https://host:port``; ``http`` only for ``localhost``, 127.0.0.0/8 and ::1.

    Raises:
        MisuseError: If it is anything else, for instance has a path, a user name or a query.
    """
    match = _ORIGIN.fullmatch(destination.lower()) if isinstance(destination, str) and destination.isascii() else None
    if match is None:
        raise _refused(destination, "it is not of the form https://host or https://host:port")
    scheme, literal, name, digits = match.groups()
    host, loopback = _address_6(destination, literal) if literal else _host(destination, name)
    if scheme == "http" and not loopback:
        raise _refused(destination, "without TLS everybody on the way can read it")
    return f"{scheme}://{host}{_port(destination, scheme, digits)}"


def host_of(destination: str) -> str:
    """Return an origin's host, without scheme and port.

    Raises:
        MisuseError: If it is no origin.
    """
    host = origin(destination).partition("://")[2]
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def is_this_machine(destination: str) -> bool:
    """Return whether an origin is of this very machine: ``localhost``, 127.0.0.0/8 or ::1.

    Raises:
        MisuseError: If it is no origin.
    """
    host = host_of(destination)
    return (_address_6(destination, host[1:-1]) if host.startswith("[") else _host(destination, host))[1]


def _host(destination: str, name: str) -> tuple[str, bool]:
    labels = name.split(".")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        return _address_4(destination, name)
    if len(name) > _MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise _refused(destination, "its host is no host name")
    return name, name == "localhost"


def _address_4(destination: str, text: str) -> tuple[str, bool]:
    try:
        address = IPv4Address(text)
    except AddressValueError as error:
        raise _refused(destination, "its host is no internet address") from error
    return str(address), address.is_loopback


def _address_6(destination: str, text: str) -> tuple[str, bool]:
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise _refused(destination, "its host is no internet address") from error
    return f"[{address}]", address.is_loopback


def _port(destination: str, scheme: str, digits: str | None) -> str:
    if digits is None:
        return ""
    port = int(digits)
    if not 1 <= port <= _MAX_PORT:
        raise _refused(destination, "there is no such port")
    return "" if (scheme, port) in _DEFAULT_PORTS else f":{port}"


def _refused(destination: object, why: str) -> MisuseError:
    shown = repr(destination[:80]) if isinstance(destination, str) else f"a value of type {type(destination).__name__}"
    return MisuseError(
        f"the destination is {shown}, and {why}. Nothing may be sent there; use an origin such as "
        "'https://collect.example.org'."
    )
