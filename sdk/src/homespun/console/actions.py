"""What the forms do: each calls what the application itself would call, and says what came of it."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeVar

from homespun.consent import Purpose
from homespun.console.answers import Answer, download
from homespun.console.forms import Form
from homespun.console.pages import why
from homespun.console.pages.asked import FILES
from homespun.console.pages.choices import LONGEST_NOTICE
from homespun.console.view import View, listed_in_words
from homespun.errors import MisuseError
from homespun.listing import PASSING
from homespun.ranking.request import HOME

SURFACE = "own page"
"""Where a choice was made, in consent records."""

Setting = TypeVar("Setting")

Action = Callable[[View, Form], Answer | None]


def _dials(view: View, form: Form) -> None:
    controls = view.parts.controls
    if form.is_on("reset"):
        controls.diversity(0.0)
        controls.exploration(None)
        view.session.say("Both dials are set back.")
        return
    diversity, exploration = form.share("diversity"), form.share("exploration")
    # Both are sent; what was not moved stays as it is, also where the application decides.
    if _moved(controls.current().diversity, diversity):
        controls.diversity(diversity)
    if _moved(view.parts.listing.exploration(HOME), exploration):
        controls.exploration(exploration)
    view.session.say("The dials are set.")


def _item(view: View, form: Form) -> None:
    controls, target, on = view.parts.controls, form.exact("item"), form.is_on("on")
    known = {
        "hide_item": controls.hide_item,
        "hide_tag": controls.hide_tag,
        "more_like": controls.more_like,
        "less_like": controls.less_like,
        "ignore_item": controls.ignore_item,
    }
    _named(known, form.text("control"))(target, on=on)
    _tell_latest(view)


def _interest(view: View, form: Form) -> None:
    weight = form.share("weight") if form.text("weight") else None
    view.parts.controls.set_interest(form.exact("tag").strip(), weight)
    _tell_latest(view)


def _cap(view: View, form: Form) -> None:
    times = form.whole("times") if form.text("times") else None
    view.parts.controls.frequency_cap(times, form.whole("days") if times is not None else 7)
    _tell_latest(view)


def _switch(view: View, form: Form) -> None:
    controls, on = view.parts.controls, form.is_on("on")
    if form.text("control") == "private":
        view.private.set(on=on)
        view.session.say("A private session begins." if on else "The private session is over.")
        return
    known = {
        "pause": controls.pause,
        "non_profiled": controls.non_profiled,
        "restriction": controls.restrict,
        "objection": controls.object,
    }
    _named(known, form.text("control"))(on=on)
    _tell_latest(view)


def _undo(view: View, form: Form) -> None:
    view.parts.controls.undo(form.whole("number"))
    _tell_latest(view)


def _without(view: View, form: Form) -> None:
    made = why.found(view, form.exact("item"))
    if made is None:
        raise MisuseError("the item is not in the list any more, so nothing was changed.")
    answer, reasons = why.removable(view, made)
    wanted = form.text("kind"), form.exact("target")
    change = next((each for each in reasons if (each.kind, each.target) == wanted), None)
    if change is None and any(wanted):
        raise MisuseError("this is no reason of the item any more, so nothing was changed.")
    taken = answer.changes if change is None else (change,)
    if not taken or any(each.kind in PASSING for each in taken):
        raise MisuseError("this is nothing that can be taken back here, so nothing was changed.")
    view.parts.listing.remove(made, answer if change is None else change)
    names = listed_in_words([why.words_of(view, each) for each in taken])
    view.session.say(f"Removed: {names}. Your list is made without it now.")


def _consent(view: View, form: Form) -> None:
    purpose = _purpose(form.text("purpose"))
    if form.is_on("on"):
        notice = view.notices.get(purpose)
        if notice is None or len(notice.text) > LONGEST_NOTICE or notice.sha256 != form.text("notice"):
            raise MisuseError("the words that you saw are not those of the application any more; read them again.")
        view.parts.consent.grant(purpose, notice=notice, surface=SURFACE)
        view.session.say("Allowed, until you end it.")
        return
    if purpose is Purpose.DEVICE_STORAGE and not form.is_on("sure"):
        raise MisuseError("ending storage erases everything; tick the box if you want that. Nothing was changed.")
    done = view.parts.consent.withdraw(purpose, surface=SURFACE)
    effects = "; ".join(f"{effect.part}: {effect.text}" for effect in done.effects)
    view.session.say(f"Ended at once. {effects}".strip())
    if done.receipt is not None:
        view.session.keep(done.receipt)
        view.session.say("Everything is erased. The receipt is under Take or erase.")


def _attribute(view: View, form: Form) -> None:
    attributes, name, value = view.parts.attributes, form.exact("name"), form.text("value")
    if not value:
        attributes.remove(name)
        view.session.say("It is taken back.")
        return
    attributes.set(name, value)
    view.session.say("It is declared.")


def _experiments(view: View, form: Form) -> None:
    experiments, on = view.parts.experiments, form.is_on("on")
    if experiments.join() if on else experiments.leave():
        view.session.say("You take part again." if on else "You take part in none, and nothing more is counted.")
        return
    # Where nothing may be counted there is nowhere to keep such a wish either.
    view.session.say(
        "You are in none, as nothing may be counted now. This wish was not kept: say it again if that changes."
    )


def _export(view: View, form: Form) -> Answer:
    passphrase = form.optional("passphrase")
    made = view.parts.exported(passphrase)
    sealed = passphrase is not None
    return download(
        made,
        "application/octet-stream" if sealed else "application/zip",
        "my-data.homespun" if sealed else "my-data.zip",
    )


def _erase(view: View, form: Form) -> None:
    if form.text("what") == "everything":
        if not form.is_on("sure"):
            raise MisuseError("tick the box if you want everything erased. Nothing was erased.")
        view.session.keep(view.parts.erase())
        view.session.say("Everything is erased. The receipt is below.")
        return
    start, end = form.day("from"), form.day("until")
    item, tag, kind = form.optional("item"), form.optional("tag"), form.optional("kind")
    between = None if start is None and end is None else (start, end)
    if all(each is None for each in (item, tag, kind, between)):
        # Nothing named would mean everything.
        raise MisuseError("name what is to be erased. Nothing was erased.")
    view.session.keep(view.parts.erase(item=item, tag=tag, kind=kind, between=between))
    view.session.say("This part is erased. The receipt is below.")


def _answer(view: View, form: Form) -> Answer | None:
    requests, number = view.parts.requests, form.text("request")
    kind = requests.show(number).asked.kind
    if kind == "erasure" and not form.is_on("sure"):
        raise MisuseError("tick the box if you want everything erased. Nothing was erased, and nothing answered.")
    if kind in FILES:
        made = view.parts.exported(None)
        requests.answer(number, digest=sha256(made).hexdigest())
        return download(made, "application/zip", "my-data.zip")
    receipt = requests.answer(number)
    view.session.say("It is answered. The signed answer is sent now, or as soon as possible: see What left.")
    if receipt is not None:
        view.session.keep(receipt)
        view.session.say("Everything is erased. The receipt is under Take or erase.")
    return None


def _decline(view: View, form: Form) -> None:
    view.parts.requests.answer(form.text("request"), decline=True)
    view.session.say(
        "You declined, and nothing was changed here. The operator is told now, or as soon as possible: see What left."
    )


ACTIONS: Final[dict[str, Action]] = {
    "dials": _dials,
    "item": _item,
    "interest": _interest,
    "cap": _cap,
    "switch": _switch,
    "undo": _undo,
    "without": _without,
    "consent": _consent,
    "attribute": _attribute,
    "experiments": _experiments,
    "export": _export,
    "erase": _erase,
    "answer": _answer,
    "decline": _decline,
}
"""What forms can ask for, by the end of their address."""


def _moved(before: float, after: float) -> bool:
    # NaN differs from everything, and the control refuses it. The dial shows whole percents.
    return not abs(round(100 * before) - 100 * after) < 0.5  # noqa: PLR2004


def _tell_latest(view: View) -> None:
    text = view.parts.controls.history()[-1].text
    view.session.say(f"Set: {text}. You can undo it under Your choices.")


def _purpose(name: str) -> Purpose:
    found = next((each for each in Purpose if each.value == name), None)
    if found is None:
        raise MisuseError("that is no purpose; nothing was changed.")
    return found


def _named(known: Mapping[str, Setting], name: str) -> Setting:
    try:
        return known[name]
    except KeyError:
        raise MisuseError("that is nothing that can be set; nothing was changed.") from None
