"""Random things that happen to a merchant between, and during, two runs."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from sources.ordergroove.sandbox import World

OUTCOMES = ("success", "declined", "error", "lost", "pending")


def one_of(world: World, rng: Random, entity: str, **wanted: Any) -> str:
    """The key of a random record that has these values. Raises IndexError when none has."""
    rows = [
        row.record
        for row in world.rows(entity)
        if all(row.record[name] == value for name, value in wanted.items())
    ]
    name = "merchant_user_id" if entity == "customers" else "public_id"
    return str(rng.choice(rows)[name])


def waiting(world: World, rng: Random) -> str:
    return one_of(world, rng, "orders", status=1)


def live(world: World, rng: Random) -> str:
    return one_of(world, rng, "subscriptions", live=True)


def waiting_item(world: World, rng: Random) -> str:
    return rng.choice(world.items_of(live(world, rng)))


def product(world: World, rng: Random) -> str:
    return str(rng.choice(world.rows("products")).record["external_product_id"])


DEEDS: tuple[Callable[[World, Random], object], ...] = (
    lambda w, r: w.subscribe(one_of(w, r, "customers")),
    lambda w, r: w.create_customer(),
    lambda w, r: w.touch_customer(one_of(w, r, "customers")),
    lambda w, r: w.skip(live(w, r)),
    lambda w, r: w.cancel_subscription(live(w, r)),
    lambda w, r: w.reactivate(one_of(w, r, "subscriptions", live=False)),
    lambda w, r: w.change_quantity(live(w, r), r.randint(1, 9)),
    lambda w, r: w.change_price(product(w, r), f"{r.randint(500, 9000) / 100:.2f}"),
    lambda w, r: w.add_upsell(waiting(w, r)),
    lambda w, r: w.grant(waiting(w, r)),
    lambda w, r: w.cancel_order(waiting(w, r)),
    lambda w, r: w.move_item(waiting_item(w, r)),
    lambda w, r: w.place_order(waiting(w, r), r.choice(OUTCOMES)),
    lambda w, r: w.merge(waiting(w, r), waiting(w, r)),
    lambda w, r: w.delete_item(waiting_item(w, r)),
    lambda w, r: w.delete_order(waiting(w, r)),
    lambda w, r: w.edit("orders", waiting(w, r), extra_data={"note": r.randint(1, 99)}),
    lambda w, r: w.edit("customers", one_of(w, r, "customers"), first_name=f"Ünal {r.random()}"),
)


def something_happens(world: World, rng: Random, times: int) -> None:
    """So many deeds; what the world does not allow at the moment is left undone."""
    for _ in range(times):
        with suppress(ValueError, IndexError, KeyError):
            rng.choice(DEEDS)(world, rng)
