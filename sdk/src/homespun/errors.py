"""Every exception that homespun raises on purpose.

::

    HomespunError
    ├── MisuseError                  the call was wrong: change the code or the argument
    │   ├── InvalidEventError        an event that no profile may hold
    │   ├── UnknownItemError         an item that the bundle does not know
    │   └── ClosedError              the profile was closed
    ├── UntrustedInputError          bytes that came from elsewhere failed a check
    │   └── BundleError
    │       ├── BundleSchemaError    the bundle was made for another version of homespun
    │       ├── BundleIntegrityError a file is missing, longer, shorter or different
    │       └── ModelContractError   the model or the catalogue is not what the contract allows
    └── ProfileError                 the encrypted profile on this machine
        ├── WrongKeyError            the key does not open it
        ├── DamagedProfileError      it was changed or cut short outside homespun
        ├── NewerProfileError        a newer homespun wrote it; it is left untouched
        ├── ProfileBusyError         another process held it longer than the configured wait
        ├── ProfileStorageError      the disk refused: full, read-only or failing
        └── KeyringUnavailableError  the operating system offers no keyring

Misuse, untrusted input and the profile have separate roots because a caller treats them differently:
the first is a bug, the second an attack or a broken download, the third a matter between the person
and their disk. Messages say what happened, what it means and what to do.
"""

__all__ = [
    "BundleError",
    "BundleIntegrityError",
    "BundleSchemaError",
    "ClosedError",
    "DamagedProfileError",
    "HomespunError",
    "InvalidEventError",
    "KeyringUnavailableError",
    "MisuseError",
    "ModelContractError",
    "NewerProfileError",
    "ProfileBusyError",
    "ProfileError",
    "ProfileStorageError",
    "UnknownItemError",
    "UntrustedInputError",
    "WrongKeyError",
]


class HomespunError(Exception):
    """Root of every exception that homespun raises on purpose."""


class MisuseError(HomespunError, ValueError):
    """The call was wrong: change the code or the argument."""


class InvalidEventError(MisuseError):
    """An event has a value that no profile may hold."""


class UnknownItemError(MisuseError):
    """An item is not in the bundle's catalogue."""


class ClosedError(MisuseError):
    """The profile was closed; open it again to use it."""


class UntrustedInputError(HomespunError):
    """Bytes that came from elsewhere failed a check and were not used."""


class BundleError(UntrustedInputError):
    """A bundle cannot be used."""


class BundleSchemaError(BundleError):
    """The bundle was made for another version of homespun."""


class BundleIntegrityError(BundleError):
    """A file of the bundle is missing, longer, shorter or different from what the manifest says."""


class ModelContractError(BundleError):
    """The model or the catalogue is not what the contract allows."""


class ProfileError(HomespunError):
    """The encrypted profile on this machine cannot be used as asked."""


class WrongKeyError(ProfileError):
    """The key does not open this profile; nothing was changed."""


class DamagedProfileError(ProfileError):
    """The profile was changed or cut short outside homespun."""


class NewerProfileError(ProfileError):
    """A newer homespun wrote this profile; it is left untouched."""


class ProfileBusyError(ProfileError):
    """Another process held the profile for longer than the configured wait."""


class ProfileStorageError(ProfileError):
    """The disk refused: it is full, read-only or failing."""


class KeyringUnavailableError(ProfileError):
    """The operating system offers no usable keyring to this process."""
