"""The profile together with the consent and the controls that it stands under.

Holds the one rule that everything else relies on: nothing is written before ``DEVICE_STORAGE`` is granted, every
part asks the gate before it acts or keeps something, and withdrawing ``DEVICE_STORAGE`` is erasure.

Other processes may use the same folder. So each use looks for a profile that has appeared, and reads the
consent records that were added; recording reads them in the very transaction that writes. A grant counts once
the profile took it. A withdrawal that could not be stored holds in this process all the same, and is stored
with the next writing.

A profile whose ``DEVICE_STORAGE`` was withdrawn is used by nobody any more: whoever sees the withdrawal closes
the profile, and the last one to do so erases it.
"""

from homespun.custody import Clock
from homespun.home.whole import Home

__all__ = ["Clock", "Home"]
