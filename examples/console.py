"""A person's own page, for somebody made up: open the address that is printed. Ctrl-C ends it, and nothing is left."""

from contextlib import suppress

import homespun as hs

NOTICE = hs.Notice("Films you rate are kept in memory until this program ends, to recommend others.", version="example")
LIKED = ("tt0133093", "tt1375666", "tt0468569", "tt1345836", "tt0816692", "tt1853728")


def main() -> None:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral()) as me:
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        for item in LIKED:
            me.record(item, "rate", weight=9.0)
        me.controls.hide_tag("Horror")
        print(me.console.url(notice=NOTICE), flush=True)
        with suppress(KeyboardInterrupt):
            me.console.wait()


if __name__ == "__main__":
    main()
