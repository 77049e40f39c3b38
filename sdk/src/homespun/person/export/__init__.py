"""Taking the profile along: an export that people and programs can read, and reading it back.

``write_export`` writes Contents to a zip file, sealed on request; ``read_export`` returns what another
profile can be made from. Pure but for the files that they are told to write and read.
"""

from homespun.person.export.contents import Column, Contents, Section
from homespun.person.export.reading import Imported, read_export
from homespun.person.export.recipient import Recipient, RecipientKey
from homespun.person.export.writing import CLEAR_SUFFIX, SEALED_SUFFIX, export_bytes, write_export

__all__ = [
    "CLEAR_SUFFIX",
    "SEALED_SUFFIX",
    "Column",
    "Contents",
    "Imported",
    "Recipient",
    "RecipientKey",
    "Section",
    "export_bytes",
    "read_export",
    "write_export",
]
