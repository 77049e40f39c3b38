"""Asking devices for what lies on them alone: who registered, what they are asked, what they answered.

Rules:

- One list goes to all devices, at a rhythm that does not depend on whether anything is asked. See
  ``homespun.protocol.asking`` and ADR 0046.
- A device is ``pending`` until its own signed receipt is here, ``lost`` once it did not register again for so long that
  nobody expects it any more, and never ``done`` by anything else.
- What came before counts once, whatever is repeated. No address and no account is kept, and none is logged.
"""

from homespun_server.compliance.requests.asking.answers import DeviceState, OpenRequest
from homespun_server.compliance.requests.asking.asking import Asking
from homespun_server.compliance.requests.asking.devices import Device, Devices, Pseudonyms

__all__ = ["Asking", "Device", "DeviceState", "Devices", "OpenRequest", "Pseudonyms"]
