"""A shelf of films in a terminal: a small application that embeds homespun.

It asks before it keeps anything, and the words that it shows are the notice that is stored with the choice. A no
is an answer too: it is kept in a small file, which names nobody and no film, so that nobody is asked twice.
All that it knows about the person is in one encrypted profile, so erasing that erases everything. Until
they allow it, what they set is remembered until they leave.
"""

import argparse
import getpass
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import homespun as hs
from homespun.errors import WrongKeyError

NOTICE = hs.Notice(
    "If you allow it, the film shelf keeps the films that you rate, what you set,\n"
    "and this choice, in an encrypted profile on this computer, and uses them to choose\n"
    "the films that it lists for you. They never leave this computer. You can type\n"
    "'forbid' at any time to stop their use, and 'erase' to destroy them."
)
PURPOSES = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION)
LIST_LENGTH = 10
MOST_STARS = 10
QUESTIONS = 10

HELP = """\
list            films for you              allow        ask whether I may remember
start           a few questions, to begin  forbid       stop using what I know
find WORDS      films by title             known        everything that I know
rate N STARS    1 to 10                    export       write it to a file
why N           why film N is listed       erase        destroy it, with a receipt
without N       … as if that did not count quit         leave (so does Ctrl-C)
hide N          never list film N again
more N          more films like film N
mix LEVEL       0, by score alone, to 1, as unlike each other as can be
undo            take back without, hide, more or mix"""


class InputError(Exception):
    """The person typed something that means nothing here."""


class Screen:
    """Text for people: colours on a terminal that has them, plain text elsewhere."""

    def __init__(self) -> None:
        # Titles have letters that an old Windows code page lacks; a question mark is better than a crash.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        capable = os.name != "nt" or "WT_SESSION" in os.environ
        self._colours = sys.stdout.isatty() and capable and "NO_COLOR" not in os.environ
        self.width = min(shutil.get_terminal_size().columns, 100)

    def say(self, text: str = "", *, code: str = "") -> None:
        """Print ``text``, in the colour of an ANSI ``code`` if there are colours."""
        print(f"\x1b[{code}m{text}\x1b[0m" if code and self._colours else text, flush=True)

    def title(self, left: str, right: str) -> None:
        """Print a heading with a rule under it."""
        gap = max(2, self.width - len(left) - len(right))
        self.say()
        self.say(f"{left}{' ' * gap}{right}", code="1")
        self.say("─" * self.width, code="2")

    def rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print a numbered list with a remark beside each entry, cut to the screen's width."""
        column = max((len(name) for name, _ in rows), default=0)
        for number, (name, remark) in enumerate(rows, start=1):
            line = f"{number:>3}  {name:<{column}}  {remark}".rstrip()
            self.say(line if len(line) <= self.width else line[: self.width - 1] + "…")


class Shelf:
    """The application: one person, one bundle, one list on the screen."""

    def __init__(
        self, folder: Path, passphrase_file: Path | None, screen: Screen, reasons: Mapping[str, str] | None
    ) -> None:
        self._folder = folder
        self._passphrase_file = passphrase_file
        self._screen = screen
        self._reasons = reasons
        self._answer = folder.with_name(f"{folder.name}.answer")
        self._me = hs.Personalizer.open(None, key=hs.Key.ephemeral(), choices=self._said(), templates=reasons)
        self._shown: list[hs.Recommendation | str] = []
        commands = (
            *(self.list, self.start, self.find, self.rate, self.why, self.without),
            *(self.hide, self.more, self.mix, self.undo),
            *(self.allow, self.forbid, self.known, self.export, self.erase),
        )
        self._commands = {command.__name__: command for command in commands}

    def run(self) -> None:
        """Open what there is, ask what was not answered yet, and take commands until the person leaves."""
        if self._folder.is_dir() and any(self._folder.iterdir()):
            self._unlock()
        if self._me.consent.needed(NOTICE, *PURPOSES):
            self._obey(["allow"])
        self.list()
        self._screen.say("\nType help for what you can do.", code="2")
        while (line := input("\n> ")).strip() != "quit":
            self._obey(line.split())

    def close(self) -> None:
        """Close the profile and the bundle."""
        self._me.close()
        self._me.bundle.close()

    def list(self, *_: str) -> None:
        """Show the best films."""
        self._show(self._me.recommend(LIST_LENGTH))

    def start(self, *_: str) -> None:
        """Ask for the few films whose rating tells most, one after the other: each answer decides the next question."""
        if not self._me.consent.granted(hs.Purpose.PERSONALIZATION):
            raise InputError("I may not remember what you answer. Type allow to change that.")
        self._screen.title("Do you know these films?", "1 to 10 stars; nothing, if not; stop")
        unknown: dict[str, bool | None] = {}
        for _number in range(QUESTIONS):
            question = self._me.onboarding(1, answered=unknown)[0]
            stars = input(f"{question.title}: ").strip()
            if stars == "stop":
                break
            if _is_stars(stars):
                self._me.record(question.item, "rate", weight=float(stars))
            else:
                unknown[question.item] = None
        self.list()

    def _show(self, found: Sequence[hs.Recommendation]) -> None:
        self._shown = [*found]
        personalized = any(film.personalized for film in found)
        self._screen.title("The film shelf", "for you" if personalized else "the same for everybody")
        self._screen.rows([(film.title, film.reason if personalized else "") for film in found])
        if found and not personalized:
            self._screen.say(f"     {found[0].reason}", code="2")

    def find(self, *words: str) -> None:
        """Show the films whose title has all the words."""
        bundle = self._me.bundle
        wanted = [word.casefold() for word in words]
        titles = ((item, bundle.title(item)) for item in bundle.items)
        found = [(item, title) for item, title in titles if all(word in title.casefold() for word in wanted)]
        self._shown = [item for item, _ in found[:LIST_LENGTH]]
        self._screen.title(f"Films named {' '.join(words)}", f"{len(self._shown)} of {len(found)}")
        self._screen.rows([(title, ", ".join(bundle.tags(item))) for item, title in found[:LIST_LENGTH]])

    def rate(self, number: str = "", stars: str = "", *_: str) -> None:
        """Remember a rating, if that is allowed."""
        item = self._item(number)
        if not _is_stars(stars):
            raise InputError("Say how many stars from 1 to 10, for instance: rate 3 8")
        kept = self._me.record(item, "rate", weight=float(stars))
        outcome = f"{stars} of 10." if kept else "not kept, because you did not allow it. Type allow to change that."
        self._screen.say(f"{self._me.bundle.title(item)}: {outcome}")

    def why(self, number: str = "", *_: str) -> None:
        """Show the exact parts of a film's score, and what it would take for it not to be listed."""
        film = self._film(number)
        self._screen.say(str(self._me.explain(film)))
        if isinstance(film, str):
            return
        self._screen.say(f"\n{self._me.counterfactual(film)}")
        self._screen.say(
            f"\nType without {number}, hide {number} or more {number} to change that, and undo to take it back.",
            code="2",
        )

    def without(self, number: str = "", *_: str) -> None:
        """List the films as they are without what keeps one of them in the list, or else what speaks most for it."""
        film = self._film(number)
        if isinstance(film, str):
            raise InputError("Type list first: only a film that is listed for you has something that keeps it there.")
        kept_by = self._me.counterfactual(film)
        parts = (
            part for part in self._me.explain(film).attributions if part.value > 0 and (part.event or part.control)
        )
        reason = kept_by if kept_by.found else next(parts, None)
        if reason is None:
            raise InputError("Nothing that you did speaks for it.")
        before = len(self._me.controls.history())
        self._show(self._me.without(film, reason))
        for change in self._me.controls.history()[before:]:
            self._screen.say(f"{change.text}. Type undo to take it back.", code="2")

    def mix(self, level: str = "", *_: str) -> None:
        """Set how unlike each other the listed films are."""
        try:
            self._me.controls.diversity(float(level))
        except ValueError as error:
            raise InputError("Say how much from 0 to 1, for instance: mix 0.5") from error
        self._say_what_was_set()
        self.list()

    def hide(self, number: str = "", *_: str) -> None:
        """Never list a film again."""
        self._me.controls.hide_item(self._item(number))
        self._say_what_was_set()

    def more(self, number: str = "", *_: str) -> None:
        """List more films like one."""
        self._me.controls.more_like(self._item(number))
        self._say_what_was_set()

    def undo(self, *_: str) -> None:
        """Take back what was set last."""
        self._me.controls.undo()
        self._say_what_was_set()

    def allow(self, *_: str) -> None:
        """Show the notice and ask; only a clear yes counts."""
        self._screen.title("May I remember?", "your choice")
        self._screen.say(NOTICE.text)
        if input("\nAllow this? [y/N] ").strip().casefold() not in {"y", "yes"}:
            raise InputError(self._refused())
        if self._me.sizes() is None:
            self._begin()
        self._me.consent.grant(*PURPOSES, notice=NOTICE, surface="film shelf")
        self._answer.unlink(missing_ok=True)
        self._screen.say("Thank you. Your profile is encrypted with your passphrase.")

    def forbid(self, *_: str) -> None:
        """Stop using what is known; it stays encrypted where it is."""
        self._me.consent.withdraw(hs.Purpose.PERSONALIZATION, surface="film shelf")
        self._screen.say("What I know is not used any more, and nothing is added. What you hid stays hidden.")

    def known(self, *_: str) -> None:
        """Show everything that is known and allowed."""
        bundle, events = self._me.bundle, self._me.events()
        self._shown = [event.item for event in events]
        self._screen.title("What I know", f"{len(events)} events")
        marks = [f"{event.kind} {event.weight:g}" if event.weight else event.kind for event in events]
        names = [bundle.title(event.item) if event.item in bundle else event.item for event in events]
        self._screen.rows(list(zip(names, marks, strict=True)))
        for change in self._me.controls.history():
            self._screen.say(f"{'taken back' if change.undone else 'set':>11}  {change.text}")
        for purpose in PURPOSES:
            allowed = "allowed" if self._me.consent.granted(purpose) else "not allowed"
            self._screen.say(f"{allowed:>11}  {purpose.description}", code="2")

    def export(self, *_: str) -> None:
        """Write everything to a file that the person can read."""
        file = self._folder.with_name(f"{self._folder.name}.zip")
        self._me.export(file)
        self._screen.say(f"Everything that I know is in {file}. It is not encrypted: keep it where you keep letters.")

    def erase(self, *_: str) -> None:
        """Destroy everything and print the receipt."""
        if self._me.sizes() is None:
            raise InputError("Nothing is kept, so there is nothing to erase.")
        if input("Erase everything that I know? Type yes: ").strip() != "yes":
            raise InputError("Nothing was erased.")
        receipt = self._me.erase()
        self._screen.title("Receipt", receipt.profile[:12])
        done = [f"{store.store}: {store.level}. {store.detail}" for store in receipt.stores]
        for line in (*done, "No program can vouch for:", *receipt.out_of_scope):
            self._screen.say(textwrap.fill(line, self._screen.width, subsequent_indent="  "))

    def _obey(self, words: Sequence[str]) -> None:
        if not words or words[0] not in self._commands:
            self._screen.say(HELP)
            return
        try:
            self._commands[words[0]](*words[1:])
        except (hs.HomespunError, InputError, OSError) as error:
            self._screen.say(f"{error}", code="31")

    def _item(self, number: str) -> str:
        film = self._film(number)
        return film if isinstance(film, str) else film.item

    def _film(self, number: str) -> hs.Recommendation | str:
        if not number.isdecimal() or not 1 <= int(number) <= len(self._shown):
            raise InputError("Name a film by its number in the list above, for instance: why 1")
        return self._shown[int(number) - 1]

    def _say_what_was_set(self) -> None:
        kept = "" if self._me.sizes() else ", until you leave"
        self._screen.say(f"{self._me.controls.history()[-1].text}{kept}.")

    def _said(self) -> str | None:
        return self._answer.read_text(encoding="utf-8") if self._answer.exists() else None

    def _refused(self) -> str:
        """Take a no for an answer, and return what it means."""
        if self._me.sizes() is not None:
            allowed = self._me.consent.granted(hs.Purpose.PERSONALIZATION)
            return f"It stays {'allowed; forbid stops it' if allowed else 'forbidden'}."
        if self._me.consent.needed(NOTICE, *PURPOSES):
            self._me.consent.refuse(*PURPOSES, notice=NOTICE, surface="film shelf")
            self._answer.write_text(self._me.consent.choices(), encoding="utf-8")
        return "Then nothing is kept but this answer, so that I do not ask again. Type allow to change it."

    def _begin(self) -> None:
        """Open a profile that the yes will create, with the earlier answer and what was set so far."""
        before = self._me.controls.current()
        self._open(self._new_passphrase(), self._said())
        for item in before.hidden_items:
            self._me.controls.hide_item(item)
        for item in before.more_like:
            self._me.controls.more_like(item)
        if before.diversity:
            self._me.controls.diversity(before.diversity)

    def _unlock(self) -> None:
        while True:
            try:
                return self._open(self._passphrase("Passphrase: "))
            except WrongKeyError as error:
                if self._passphrase_file is not None:
                    raise
                self._screen.say(f"{error} Ctrl-C leaves.", code="31")

    def _open(self, passphrase: str, choices: str | None = None) -> None:
        key = hs.Key.passphrase(passphrase)
        opened = hs.Personalizer.open(
            self._folder, key=key, bundle=self._me.bundle, choices=choices, templates=self._reasons
        )
        self._me.close()
        self._me = opened

    def _new_passphrase(self) -> str:
        chosen = self._passphrase("Choose a passphrase: ")
        if self._passphrase_file is None and self._passphrase("Once more: ") != chosen:
            raise InputError("The two differ. Nothing was kept; type allow to try again.")
        return chosen

    def _passphrase(self, prompt: str) -> str:
        if self._passphrase_file is not None:
            return self._passphrase_file.read_text(encoding="utf-8").rstrip("\r\n")
        return getpass.getpass(prompt)


def _is_stars(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= MOST_STARS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shelf and return its exit status."""
    parser = argparse.ArgumentParser(description="A shelf of films that remembers only what you allow.")
    parser.add_argument("--profile", type=Path, default=Path("film-shelf"), metavar="DIR", help="(film-shelf)")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
    parser.add_argument("--reasons", type=Path, metavar="FILE", help="how reasons are said, as in reasons.de.json")
    options = parser.parse_args(arguments)
    try:
        reasons = None if options.reasons is None else json.loads(options.reasons.read_text(encoding="utf-8"))
        with closing(Shelf(options.profile, options.passphrase_file, Screen(), reasons)) as shelf:
            shelf.run()
    except (EOFError, KeyboardInterrupt):
        print()
    except (hs.HomespunError, OSError, ValueError) as error:
        print(f"film shelf: {error}", file=sys.stderr)
        return 1
    print("Goodbye.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
