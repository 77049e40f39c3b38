"""Getting newer bundles from a signed repository, without telling anything of the person.

The security model is TUF's (python-tuf): what is taken is signed by who may sign for the channel, current, and never
older than what was taken before. On top come the bundle's own checks: every hash, the contract of the model, and its
test of itself by golden scores. Then the application adopts it, and one rename makes it the installed one, while the
one before stays for a fallback.

What an update reveals, to whoever runs the repository and, as far as TLS lets them see, to those on the way:

- the device's address, and when it asked;
- which version it has: by the metadata that it asks for or not, by the SHA-256 of the timestamp that it has, and by the
  files that it fetches, because it does not fetch again what it has;
- in a staged rollout, whether the release's share has reached it: by its fetching the release. Its place among all
  devices (the bucket) is computed on the device from a secret that is never sent. With
  ``Updates(stage_after_download=True)`` every device fetches what any device may take, and uses it when its turn comes,
  so that this is not revealed. What a device fetches later still shows which bundles it kept.

It reveals nothing else. There is no identifier: no cookie, no token, no name of the device or its system, no validator
of the server's choosing, and every device's requests have the same headers. No request depends on the profile, and
every one is in the ledger of what left before it is made.

Nothing of this runs unless an application says where its repository is.
"""

from homespun.sync.background import BackgroundUpdates
from homespun.sync.offline import OfflinePolicy, fallback, keep, keep_until
from homespun.sync.outcome import Deferred, Outcome, Rejected, Unreachable, Updated, UpToDate
from homespun.sync.runner import Installed, Updater
from homespun.sync.settings import Connection, Updates
from homespun.sync.standing import Standing

__all__ = [
    "BackgroundUpdates",
    "Connection",
    "Deferred",
    "Installed",
    "OfflinePolicy",
    "Outcome",
    "Rejected",
    "Standing",
    "Unreachable",
    "UpToDate",
    "Updated",
    "Updater",
    "Updates",
    "fallback",
    "keep",
    "keep_until",
]
