"""``homespun-server refresh``: release some statistics of a fit anew, and train from these and the kept ones."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun_server.cli.policy_option import add_policy_option, policy_of
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import account_of, add_table_options, interaction_columns, item_columns
from homespun_server.display import progress, report_view
from homespun_server.learning.refreshing import REFRESHABLE, TREND
from homespun_server.refreshing import refresh


def _refresh(options: argparse.Namespace, console: Console) -> None:
    erase_again_near(options, "refresh", options.interactions)
    with progress(console) as observer:
        fitted = refresh(
            options.previous,
            options.interactions,
            items=options.items,
            out=options.out,
            epsilon=options.epsilon,
            statistics=tuple(dict.fromkeys(options.statistics)),
            as_of=options.as_of,
            account=account_of(options),
            interaction_columns=interaction_columns(options),
            item_columns=item_columns(options),
            skip_bad_rows=options.skip_bad_rows,
            measure=not options.no_quality,
            policy=policy_of(options),
            observer=observer,
        )
    console.print(report_view(fitted.report))
    console.print(
        f"To publish: {fitted.bundle}\nTo keep to yourself: {options.out / 'report.json'}\n"
        f"For the next refresh: {options.out / 'releases'}",
        highlight=False,
    )


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Release some statistics of a private fit anew, and train its model from these and the kept releases, which "
        "cost nothing more. Items of the model, blend and options stay the fit's; another universe takes another fit. "
        "The ledger that the fit was charged to is charged: the one beside the first fit's results is found by itself, "
        "and one that was named is named again."
    )
    command.set_defaults(run=_refresh)
    command.add_argument("previous", type=Path, metavar="PREVIOUS", help="results of a private fit, or of a refresh")
    command.add_argument(
        "--interactions",
        type=Path,
        required=True,
        metavar="INTERACTIONS",
        help="about the same people: CSV, TSV, Parquet or JSON Lines",
    )
    command.add_argument(
        "--items",
        type=Path,
        required=True,
        metavar="ITEMS",
        help="the public catalogue of today: every item of the fit's, and new ones",
    )
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets bundle/, releases/ and report.json; may be PREVIOUS",
    )
    command.add_argument(
        "--epsilon",
        type=float,
        required=True,
        metavar="E",
        help="ε per user of what is released anew; the kept releases add theirs on the card",
    )
    command.add_argument(
        "--statistics",
        nargs="+",
        choices=REFRESHABLE,
        default=(TREND,),
        help=f"what to release anew ({TREND}); item-context are all circumstances, and tastes go with item-pairs",
    )
    command.add_argument("--as-of", type=int, metavar="TIME", help="when it is for trends, seconds since 1970 (now)")
    command.add_argument(
        "--store", metavar="PATH|URL", help="the ledger of the fit; needed if the fit named one, or if it was moved"
    )
    command.add_argument("--data-set", metavar="NAME", help="the name of these people's data in that ledger")
    command.add_argument(
        "--no-quality", action="store_true", help="do not ask users who were kept aside how good the model is"
    )
    add_policy_option(command, "the fit's, if it has one")
    add_table_options(command)
    add_directory_option(command)
