"""The person's own page from a terminal: ``console``.

Only the address is printed, and no browser is started: a program's arguments can be read by every account of the
machine, and whoever opens the address first is let in.
"""

import argparse
from contextlib import suppress

from homespun.cli.opening import person_of
from homespun.cli.output import say


def console(options: argparse.Namespace) -> None:
    """Serve the page until it is closed in the browser, interrupted, or unused for long."""
    with person_of(options) as me:
        url = me.console.url(idle_seconds=60.0 * options.minutes)
        try:
            say("Open this address in a browser on this machine, within ten minutes; it is good for one time:")
            say(f"\n{url}\n")
            say(f"It is served until you close it there, or Ctrl-C, or nobody used it for {options.minutes} minutes.")
            with suppress(KeyboardInterrupt):
                me.console.wait()
        finally:
            me.console.close()
    say("The page is closed.")
