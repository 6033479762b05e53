"""The range of goods as time goes by: what is bought, gets dearer, runs out, is given up."""

from bisect import bisect
from itertools import accumulate

from sources.ordergroove.sandbox import people
from sources.ordergroove.sandbox.catalog import cents
from sources.ordergroove.sandbox.merchant import Merchant
from sources.ordergroove.sandbox.store import Row
from sources.ordergroove.sandbox.vocabulary import CATEGORIES, DISCONTINUED_REASON

UNGROUPED = (30, (1, 3))


class Goods:
    """What can be subscribed to, and how often each product is chosen."""

    def __init__(self, shop: Merchant) -> None:
        self.shop = shop
        popular = {name: (share, rhythm) for name, _, share, rhythm, _ in CATEGORIES}
        self.products: list[str] = []
        self.rhythms: list[tuple[int, int]] = []
        shares = []
        for row in shop.store.shelves["products"]:
            group = row.record["groups"][0]["name"] if row.record["groups"] else None
            share, rhythm = popular[group] if group else UNGROUPED
            if row.record["autoship_enabled"]:
                self.products.append(row.record["external_product_id"])
                self.rhythms.append(rhythm)
                shares.append(share)
        self.shares = [*accumulate(shares)]

    def choose(self) -> tuple[str, tuple[int, int]]:
        """A product that can still be had, and its usual rhythm."""
        while True:
            place = bisect(self.shares, self.shop.rng.randrange(self.shares[-1]))
            if not self.shop.record("products", self.products[place])["discontinued"]:
                return self.products[place], self.rhythms[place]

    def change(self) -> list[tuple[int, str]]:
        """A product gets dearer, runs out, or is given up.

        Returns what has run out, with the days until it is back.
        """
        shop = self.shop
        product, _ = self.choose()
        row = shop.get("products", product)
        draw = shop.rng.random()
        if draw < 0.5:
            people.change_price(shop, product, cents(row.record["price"]) * 104 // 100)
        elif draw < 0.94:
            row.record["live"] = False
            shop.touch("products", row)
            return [(shop.rng.randrange(1, 6), product)]
        else:
            self.discontinue(row)
        return []

    def restock(self, product: str) -> None:
        row = self.shop.get("products", product)
        row.record["live"] = True
        self.shop.touch("products", row)

    def discontinue(self, product: Row) -> None:
        """Takes a product out of the range; its subscribers change over or leave."""
        shop = self.shop
        # somebody must be left to change over to
        if sum(not shop.record("products", known)["discontinued"] for known in self.products) < 9:
            return
        product.record["discontinued"] = True
        shop.touch("products", product)
        for row in [*shop.store.shelves["subscriptions"]]:
            if (
                row.record["live"]
                and row.record["product"] == product.record["external_product_id"]
            ):
                if shop.rng.random() < 0.7:
                    substitute, _ = self.choose()
                    people.change_subscription(shop, row.record["public_id"], product=substitute)
                else:
                    people.end(shop, row.record["public_id"], DISCONTINUED_REASON)
