"""The sentences of explanations: one catalogue a language, so that another language is a file away.

A catalogue says what it has; what it leaves out is told in English, and marked as English in the page. It must have all
of the first layer, which is for the person; the layers below may stay English.
"""

import string
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.explain.wording import Wording

ENGLISH = "en"

FIRST_LAYER = "first"
"""What the keys of the first layer begin with."""


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A catalogue, as its file has it.

    Attributes:
        schema: Version of the file.
        language: BCP 47 tag.
        texts: Sentences by name; fields in braces are filled in.
        reasons: Templates of reasons; see ``homespun.explain.wording``.
    """

    schema: Literal[1] = 1
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")]
    texts: dict[str, str]
    reasons: dict[str, str] = {}


class Words:
    """The sentences of one language, with English behind them."""

    def __init__(self, catalogue: Catalogue, english: Catalogue) -> None:
        """Take a catalogue.

        Raises:
            MisuseError: It lacks a sentence of the first layer, has one that is unknown, or one with other fields.
        """
        missing = [key for key in english.texts if key.startswith(f"{FIRST_LAYER}.") and key not in catalogue.texts]
        if missing:
            raise MisuseError(
                f"the catalogue {catalogue.language!r} lacks {missing[0]!r}; the first layer needs all of it."
            )
        for name, text in catalogue.texts.items():
            if name not in english.texts:
                raise MisuseError(f"the catalogue {catalogue.language!r} has {name!r}, which no explanation says.")
            unknown = _fields(text) - _fields(english.texts[name])
            if unknown:
                raise MisuseError(
                    f"the catalogue {catalogue.language!r} fills {min(unknown)!r} into {name!r}; there is none."
                )
        self.language = catalogue.language
        self.english = self if catalogue is english else Words(english, english)
        self.wording = Wording(catalogue.reasons)
        self._texts: Mapping[str, str] = {**english.texts, **catalogue.texts}
        self._own = frozenset(catalogue.texts)

    def say(self, name: str, /, **fields: object) -> str:
        """Return a sentence."""
        return self._texts[name].format(**fields)

    def name(self, kind: str, key: str) -> str:
        """Return what something is called: ``stage`` ``rules``, for instance; its own name where no text has one."""
        return self._texts.get(f"{kind}.{key}", key)

    def of_layer(self, layer: str) -> "Words":
        """Return the sentences of a layer: these, or English ones where the catalogue leaves it to English."""
        return self if f"{layer}.title" in self._own else self.english


def words_of(language: str = ENGLISH, path: Path | None = None) -> Words:
    """Return the sentences of a language.

    Args:
        language: One of ``languages``.
        path: A catalogue of one's own, instead.

    Raises:
        MisuseError: There is no such catalogue, or it is none.
    """
    english = _parsed(_shipped(ENGLISH), ENGLISH)
    if path is not None:
        try:
            return Words(_parsed(path.read_bytes(), str(path)), english)
        except OSError as error:
            raise MisuseError(f"{path} cannot be read: {error}. Name a catalogue of sentences.") from error
    if language not in languages():
        raise MisuseError(f"there is no catalogue for {language!r}, but for {', '.join(languages())}; write one.")
    return Words(_parsed(_shipped(language), language), english)


def languages() -> tuple[str, ...]:
    """Return the languages that come with the program."""
    folder = files(__package__).joinpath("catalogue")
    return tuple(sorted(each.name.removesuffix(".json") for each in folder.iterdir() if each.name.endswith(".json")))


def _shipped(language: str) -> bytes:
    return files(__package__).joinpath(f"catalogue/{language}.json").read_bytes()


def _parsed(raw: bytes, where: str) -> Catalogue:
    try:
        return msgspec.json.decode(raw, type=Catalogue)
    except msgspec.MsgspecError as error:
        raise MisuseError(f"{where} is no catalogue of sentences: {error}.") from error


def _fields(text: str) -> set[str]:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise MisuseError(f"the sentence {text!r} cannot be read: {error}; write '{{{{' for a brace.") from error
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise MisuseError(f"the sentence {text!r} formats a field; give its name alone in braces.")
    return {field for _, field, _, _ in parts if field is not None}
