"""A gift shop in a terminal: rules, repeats, stock and reasons, over real products and one real customer's purchases.

Usage: python examples/shop/shop.py BUNDLE     (README.md beside this file says how the bundle is made)

The policy in the bundle is policy.json. The clock is the shop's, so that every run shows the same: it begins
on Friday 9 December 2011, where the purchases end.
"""

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import homespun as hs
from homespun.testing import FakeClock

NOTICE = hs.Notice("If you allow it, what you look at and buy stays on this computer and chooses what the shop shows.")
HERE = Path(__file__).parent
TODAY = datetime(2011, 12, 9, 18, 30, tzinfo=UTC)
DAY = 86_400.0
SUPPLY = "Supplies"
"""The tag of what is used up. Buying it is another kind of event: by the policy it comes back after three weeks."""

BOTTLE, DOMINOES, SNAP, HEADS_AND_TAILS, NAPKINS = "22111", "21889", "21790", "21791", "21080"


class Shop:
    """The shop as one customer sees it."""

    def __init__(self, bundle: hs.Bundle) -> None:
        self._bundle = bundle
        self._screens = count(1)
        self.clock = FakeClock(TODAY.timestamp())
        self.me = hs.Personalizer.open(
            None, key=hs.Key.ephemeral(), bundle=bundle, clock=self.clock, zone=UTC, templates={"verb_supply": "bought"}
        )

    def screen(self, title: str) -> None:
        """Print a heading."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        print(f"\n{next(self._screens)}. {title}  ({now:%A %d %B %Y, %H:%M})\n{'─' * 100}")

    def show(self, products: Iterable[hs.Recommendation]) -> None:
        """Print products with their reasons."""
        for product in products:
            print(f"  {product.title:36}  {product.reason}")

    def buy(self, item: str, time: float | None = None) -> None:
        """Record a purchase."""
        self.me.record(item, "supply" if SUPPLY in self._bundle.tags(item) else "purchase", time=time)

    def home(self) -> list[hs.Recommendation]:
        """Print the home page and return what is on it."""
        products = self.me.recommend(6)
        self.show(products)
        return products

    def rules(self) -> None:
        """Print what becomes of each of the policy's rules now."""
        for rule in self.me.dry_run():
            print(f"  {'acts' if rule.holds else '–':5} {rule.name} ({rule.items} products): {rule.why}")


def main(folder: str) -> None:
    with hs.Bundle.open(folder) as bundle:
        shop = Shop(bundle)
        with shop.me:
            visit(shop)
            keep_shop(shop)
            come_back(shop)


def visit(shop: Shop) -> None:
    """What the customer sees."""
    me = shop.me
    shop.screen("The home page for somebody who was not asked yet")
    shop.home()

    me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE, surface="shop")
    with (HERE / "data" / "customer.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shop.buy(row["item"], float(row["timestamp"]))
    shop.screen(f"After a yes, with {len(me.events())} earlier purchases")
    best, *_ = shop.home()

    shop.screen(f"Why {best.title}?")
    why = me.explain(best)
    print(f"{why.table(rows=5)}\n\n{why.stage_table()}\n\n{me.counterfactual(best)}")

    shop.screen("Which rules act now, and why the others do not")
    shop.rules()

    shop.screen(f"On the page of {me.bundle.title(BOTTLE)}: similar products")
    shop.show(me.similar_items(BOTTLE, 4))

    shop.screen("A search for 'bag', in this customer's order")
    shop.show(me.search([item for item in me.bundle.items if " bag " in f" {me.bundle.title(item)} ".lower()], 4))

    shop.screen("Used up? What they bought before, but for what they bought lately")
    shop.show(me.recommend(4, surface="again"))
    shop.screen("Go on where you were: everything they bought before")
    shop.show(me.resume(4))


def keep_shop(shop: Shop) -> None:
    """What the shopkeeper does meanwhile; nobody else's data are needed for it."""
    me = shop.me
    first = me.recommend(1)[0]
    shop.screen(f"{first.title} is sold out, and something new came in")
    new = {"id": "new-1", "title": "Wooden Angel Christmas Decoration", "tags": ["Christmas"], "price": 1.95}
    me.items.update([{"id": first.item, "stock": 0}, {**new, "attributes": {"added": TODAY.timestamp()}}])
    shop.home()
    print(f"  {first.title}: {'; '.join(me.explain(first.item).moves)}")
    print(f"\n  Like {new['title']}, which nobody bought yet:")
    shop.show(me.similar_items("new-1", 3))

    shop.screen("A policy with a slip in it is refused; the one before stays in force")
    try:
        me.policy.use((HERE / "policy.json").read_text(encoding="utf-8").replace('"by": 0.5', '"by": -0.5'))
    except hs.HomespunError as error:
        print(f"  {error}\n  In force: {me.policy.current.name}")


def come_back(shop: Shop) -> None:
    """What changes with what they do, and with the calendar."""
    me = shop.me
    for item in (DOMINOES, SNAP, HEADS_AND_TAILS):
        me.record(item, "view")
    shop.screen("They looked at three toys, and bought dominoes and paper napkins")
    shop.buy(DOMINOES)
    shop.buy(NAPKINS)
    shop.home()

    shop.clock.advance(24 * DAY)
    shop.screen("After Christmas: other rules act")
    shop.home()
    shop.rules()
    shop.screen("Used up again: the napkins are back, the dominoes are not")
    shop.show(me.recommend(8, surface="again"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
