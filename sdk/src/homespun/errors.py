"""Every exception that homespun raises on purpose.

::

    HomespunError
    ├── MisuseError                  the call was wrong: change the code or the argument
    │   ├── InvalidEventError        an event that no profile may hold
    │   ├── UnknownItemError         an item that the bundle does not know
    │   ├── NotPermittedError        the person does not allow it
    │   ├── PolicyError              a policy says how lists are to be made in a way that cannot be followed
    │   └── ClosedError              the profile was closed
    ├── UntrustedInputError          bytes that came from elsewhere failed a check
    │   ├── ExportError              an export of a profile was not made by homespun, or was changed since
    │   │   ├── ExportKeyError       what was given does not open the sealed export
    │   │   └── ExportSchemaError    another version of homespun made it
    │   ├── RecordError              an explanation record was changed, or does not follow from its bundle
    │   ├── LedgerError              a ledger's entries were changed, left out or exchanged
    │   ├── ChannelError             what a channel publishes of its releases is malformed, or another channel's
    │   ├── CollectionError      a task, a report or the index of a channel's tasks is malformed or refused
    │   ├── AskingError              what devices are asked, or how they register for it, is malformed or forged
    │   ├── ProofError               a proof or checkpoint of a transparency log does not show what it is said to
    │   ├── ReceiptError             a receipt of an erasure was changed, or is not signed by who should have
    │   └── BundleError
    │       ├── BundleSchemaError    the bundle was made for another version of homespun
    │       ├── BundleIntegrityError a file is missing, longer, shorter or different
    │       └── ModelContractError   the model or the catalogue is not what the contract allows
    ├── BudgetError                  a budget is exhausted: of privacy, or of room
    ├── TransportError               sending failed
    └── ProfileError                 the encrypted profile on this machine
        ├── WrongKeyError            the key does not open it
        ├── DamagedProfileError      it was changed or cut short outside homespun
        ├── NewerProfileError        a newer homespun wrote it; it is left untouched
        ├── ProfileBusyError         another process held it longer than the configured wait
        ├── ProfileStorageError      the disk refused: full, read-only or failing
        ├── KeyringUnavailableError  the operating system offers no keyring
        ├── KeyStoreError            the application's key store refused or did not keep what it was given
        └── LostKeyError             a key that is kept apart from the profile is not there any more

Each root is what a caller treats differently: misuse is a bug, untrusted input an attack or a broken
download, an exhausted budget an answer to live with, failed sending something to try again later, and the
profile a matter between the person and their disk. Messages say what happened, what it means and what to do.
"""

__all__ = [
    "AskingError",
    "BudgetError",
    "BundleError",
    "BundleIntegrityError",
    "BundleSchemaError",
    "ChannelError",
    "ClosedError",
    "CollectionError",
    "DamagedProfileError",
    "ExportError",
    "ExportKeyError",
    "ExportSchemaError",
    "HomespunError",
    "InvalidEventError",
    "KeyStoreError",
    "KeyringUnavailableError",
    "LedgerError",
    "LostKeyError",
    "MisuseError",
    "ModelContractError",
    "NewerProfileError",
    "NotPermittedError",
    "PolicyError",
    "ProfileBusyError",
    "ProfileError",
    "ProfileStorageError",
    "ProofError",
    "ReceiptError",
    "RecordError",
    "TransportError",
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


class NotPermittedError(MisuseError):
    """The person does not allow it: they never did, they withdrew, or what they allowed has lapsed."""


class PolicyError(MisuseError):
    """A policy cannot be used; the message names the place in its JSON. What was in force stays so."""


class ClosedError(MisuseError):
    """The profile was closed; open it again to use it."""


class UntrustedInputError(HomespunError):
    """Bytes that came from elsewhere failed a check and were not used."""


class LedgerError(UntrustedInputError):
    """Entries of a ledger were changed, left out, exchanged or put in another order."""


class ChannelError(UntrustedInputError):
    """What a channel publishes of its releases is malformed, another version's, or about another channel."""


class CollectionError(UntrustedInputError):
    """A task, a report or a channel's index of tasks is malformed, promises what it does not keep, or was mixed up."""


class AskingError(UntrustedInputError):
    """What devices are asked, or how they register for it, is malformed, forged or out of date."""


class ProofError(UntrustedInputError):
    """A checkpoint or proof of a transparency log is malformed, not signed as it should be, or shows something else."""


class ReceiptError(UntrustedInputError):
    """A receipt of an erasure was changed, is no receipt, or is not signed by who should have signed it."""


class RecordError(UntrustedInputError):
    """An explanation record was changed, or what it says does not follow from the bundle and the record."""


class BundleError(UntrustedInputError):
    """A bundle cannot be used."""


class BundleSchemaError(BundleError):
    """The bundle was made for another version of homespun."""


class BundleIntegrityError(BundleError):
    """A file of the bundle is missing, longer, shorter or different from what the manifest says."""


class ModelContractError(BundleError):
    """The model or the catalogue is not what the contract allows."""


class BudgetError(HomespunError):
    """A budget is exhausted, of privacy or of room; nothing was done."""


class TransportError(HomespunError):
    """Sending failed.

    Attributes:
        may_have_left: Whether bytes may have left the device. False only where the transport knows that none
            did, for instance because no connection could be made.
        is_final: Whether the destination refused it for good, so that trying again is of no use.
    """

    def __init__(self, message: str, *, may_have_left: bool = True, is_final: bool = False) -> None:
        super().__init__(message)
        self.may_have_left = may_have_left
        self.is_final = is_final


class ExportError(UntrustedInputError):
    """An export of a profile was not made by homespun, or was changed or cut short since."""


class ExportKeyError(ExportError):
    """The passphrase or the recipient's key does not open the sealed export."""


class ExportSchemaError(ExportError):
    """Another version of homespun made the export."""


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


class KeyStoreError(ProfileError):
    """What keeps keys or tombstones for the application refused, or did not keep what it was given."""


class LostKeyError(ProfileError):
    """A key that is kept apart from the profile is not there any more, and what it opens cannot be read."""
