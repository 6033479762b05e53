"""The same numbers in plain Python, from the sandbox's records and what a witness of it saw.

It knows neither tables nor views: days are counted one by one where SQL compares dates.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import World
from tests.marts.shops import ZONE, Witness, instant

Record = Mapping[str, Any]
Span = tuple[dt.date, dt.date | None]
PERIODS = {
    1: Decimal("365.25") / 12,
    2: Decimal("365.25") / 84,
    3: Decimal(1),
    4: Decimal(1) / 12,
}
ZERO = Decimal(0)


def day(stamp: str) -> dt.date:
    return dt.date.fromisoformat(stamp[:10])


def rounded(value: Decimal, places: str = "0.0001") -> Decimal:
    return value.quantize(Decimal(places), ROUND_HALF_UP)


def month_of(date: dt.date) -> dt.date:
    return date.replace(day=1)


def next_month(date: dt.date) -> dt.date:
    return (date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Delivery:
    """What a subscription has in one order."""

    order: Record
    units: int
    total: Decimal
    is_bundle: bool


class Oracle:
    """Every number of a world up to its present day."""

    def __init__(self, world: World, witness: Witness | None = None) -> None:
        self.truth: dict[str, list[Record]] = {name: [*world.truth(name)] for name in ENTITIES}
        self.witness = witness
        self.today = local_day(world.now)
        self.orders: dict[str, Record] = {row["public_id"]: row for row in self.truth["orders"]}
        self.subscriptions = {row["public_id"]: row for row in self.truth["subscriptions"]}

    @property
    def days(self) -> Iterator[dt.date]:
        first = min(start for spans in self.customer_spans.values() for start, _ in spans)
        while first <= self.today:
            yield first
            first += dt.timedelta(days=1)

    @property
    def months(self) -> list[dt.date]:
        return sorted({month_of(date) for date in self.days})

    def measured(self, month: dt.date) -> dt.date:
        """The day on which a month is measured: its last, or today."""
        return min(next_month(month) - dt.timedelta(days=1), self.today)

    def is_over(self, month: dt.date) -> bool:
        return month < month_of(self.today)

    @cached_property
    def spans(self) -> dict[str, list[Span]]:
        """Stretches of days of each subscription; the last day does not belong to it."""
        flips: dict[str, list[tuple[str, dt.datetime]]] = defaultdict(list)
        if self.witness:
            for key, what, at in self.witness.flips:
                flips[key].append((what, at))
        spans: dict[str, list[Span]] = {}
        for key, record in self.subscriptions.items():
            found: list[Span] = []
            start: dt.date | None = day(record["start_date"])
            for what, at in sorted(flips[key], key=lambda flip: flip[1]):
                if what == "cancel" and start:
                    found.append((start, local_day(at)))
                    start = None
                elif what == "reactivate" and start is None:
                    start = local_day(at)
            if start and record["live"]:
                found.append((start, None))
            elif start:
                found.append((start, day(record["cancelled"])))
            spans[key] = [span for span in found if span[1] is None or span[1] > span[0]]
        return spans

    @cached_property
    def active_days(self) -> dict[str, set[dt.date]]:
        """The days at whose end a customer had an active subscription."""
        days: dict[str, set[dt.date]] = defaultdict(set)
        for key, spans in self.spans.items():
            for start, end in spans:
                days[self.subscriptions[key]["customer"]] |= set(
                    each_day(start, end or self.today + dt.timedelta(days=1))
                )
        return days

    @cached_property
    def customer_spans(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        one = dt.timedelta(days=1)
        for customer, days in self.active_days.items():
            starts = [date for date in sorted(days) if date - one not in days]
            ends = [date + one for date in sorted(days) if date + one not in days]
            found[customer] = [
                (start, None if end > self.today else end)
                for start, end in zip(starts, ends, strict=True)
            ]
        return found

    def subscribers_daily(self) -> dict[dt.date, tuple[int, int, int, int]]:
        """New, reactivated and cancelled subscribers and those at the end of each day."""
        moves: dict[dt.date, Counter[str]] = defaultdict(Counter)
        for spans in self.customer_spans.values():
            for number, (start, end) in enumerate(spans):
                moves[start]["reactivated" if number else "new"] += 1
                if end:
                    moves[end]["cancelled"] += 1
        return {
            date: (
                moves[date]["new"],
                moves[date]["reactivated"],
                moves[date]["cancelled"],
                sum(date in days for days in self.active_days.values()),
            )
            for date in self.days
        }

    def subscriptions_at(self, date: dt.date) -> list[str]:
        return [
            key
            for key, spans in self.spans.items()
            if any(start <= date and (end is None or end > date) for start, end in spans)
        ]

    def subscriptions_daily(self, date: dt.date) -> Counter[str]:
        """Active subscriptions by product at the end of a day."""
        return Counter(self.subscriptions[key]["product"] for key in self.subscriptions_at(date))

    @cached_property
    def deliveries(self) -> dict[str, list[Delivery]]:
        boxes: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for item in self.truth["items"]:
            if item["subscription"]:
                boxes[item["subscription"], item["order"]].append(item)
        found: dict[str, list[Delivery]] = defaultdict(list)
        for (subscription, order), items in boxes.items():
            found[subscription].append(
                Delivery(
                    order=self.orders[order],
                    units=sum(item["quantity"] for item in items),
                    total=sum((Decimal(item["total_price"]) for item in items), ZERO),
                    is_bundle=any(item["subscription_component"] for item in items),
                )
            )
        for deliveries in found.values():
            deliveries.sort(key=lambda one: (day(one.order["place"]), one.order["public_id"]))
        return found

    def value(self, key: str, date: dt.date) -> tuple[Decimal, int]:
        """Unit value of a subscription on a day, and how many units a delivery has then."""
        record = self.subscriptions[key]
        context = record["prepaid_subscription_context"] or {}
        billed = context.get("prepaid_orders_per_billing")
        usable = [one for one in self.deliveries[key] if one.total > 0 or not billed]
        done = [one for one in usable if one.order["status"] == 5]
        past = [one for one in done if day(one.order["place"]) <= date]
        waiting = [one for one in usable if one.order["status"] in (1, 6, 11, 18)]
        chosen = past[-1:] or done[:1] or waiting[:1]
        for one in chosen:
            units = record["quantity"] if one.is_bundle else one.units
            return rounded(one.total / (billed or 1) / units), units
        prices = {row["external_product_id"]: row["price"] for row in self.truth["products"]}
        return Decimal(record["price"] or prices[record["product"]]), record["quantity"]

    def mrr(self, key: str, month: dt.date) -> Decimal:
        record = self.subscriptions[key]
        unit, units = self.value(key, self.measured(month))
        quantity = units if self.is_over(month) else record["quantity"]
        factor = rounded(PERIODS[record["every_period"]] / record["every"], "0.00000001")
        return rounded(rounded(unit * quantity) * factor)

    def run_rates(self, month: dt.date) -> dict[tuple[str, str, str], Decimal]:
        """By customer, product and currency."""
        rates: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for key in self.subscriptions_at(self.measured(month)):
            record = self.subscriptions[key]
            place = record["customer"], record["product"], record["currency_code"]
            rates[place] += self.mrr(key, month)
        return rates

    def movements(self) -> dict[tuple[str, dt.date, str], tuple[str, Decimal, Decimal]]:
        """By customer, month and currency: the kind, before and after."""
        found: dict[tuple[str, dt.date, str], tuple[str, Decimal, Decimal]] = {}
        before: dict[str, dict[str, Decimal]] = {}
        known: set[str] = set()
        for month in self.months:
            after: dict[str, dict[str, Decimal]] = defaultdict(dict)
            for (customer, _, currency), rate in self.run_rates(month).items():
                if rate:
                    old = after[customer].get(currency, ZERO)
                    after[customer][currency] = old + rate
            for customer in before.keys() | after.keys():
                was, now = before.get(customer, {}), after.get(customer, {})
                for currency in was.keys() | now.keys():
                    old, new = was.get(currency, ZERO), now.get(currency, ZERO)
                    if old != new:
                        kind = movement(was, now, currency, is_known=customer in known)
                        found[customer, month, currency] = (kind, old, new)
            known |= after.keys()
            before = dict(after)
        return found

    def realised(self) -> dict[tuple[dt.date, str, str], Decimal]:
        """What successful orders brought, by month, product and currency."""
        sums: dict[tuple[dt.date, str, str], Decimal] = defaultdict(Decimal)
        for item in self.truth["items"]:
            order = self.orders[item["order"]]
            if order["status"] == 5:
                place = month_of(day(order["place"])), item["product"], order["currency_code"]
                sums[place] += Decimal(item["total_price"])
        return sums

    def cohorts(self) -> dict[tuple[dt.date, int], tuple[int, int, int]]:
        """By month and months after it: size, active, and those who never left."""
        members: dict[dt.date, list[str]] = defaultdict(list)
        for customer, spans in self.customer_spans.items():
            members[month_of(spans[0][0])].append(customer)
        found = {}
        for cohort, customers in members.items():
            month, number = cohort, 0
            while self.is_over(month):
                last = self.measured(month)
                firsts = [self.customer_spans[customer][0] for customer in customers]
                found[cohort, number] = (
                    len(customers),
                    sum(last in self.active_days[customer] for customer in customers),
                    sum(start <= last and (end is None or end > last) for start, end in firsts),
                )
                month, number = next_month(month), number + 1
        return found

    def order_retention(self) -> dict[tuple[dt.date, int], tuple[int, int]]:
        """By month and number of the order: those old enough, and those who got it."""
        longest = {1: 1, 2: 7, 3: 31, 4: 366}
        found: dict[tuple[dt.date, int], list[int]] = defaultdict(lambda: [0, 0])
        for key, spans in self.spans.items():
            record = self.subscriptions[key]
            start = day(record["start_date"])
            if not spans or spans[0][0] != start:
                continue
            cycle = dt.timedelta(days=longest[record["every_period"]] * record["every"])
            done = sum(one.order["status"] == 5 for one in self.deliveries[key])
            for number in range(1, 37):
                if start + number * cycle <= self.today:
                    found[month_of(start), number][0] += 1
                    found[month_of(start), number][1] += done >= number
        return {place: (eligible, got) for place, (eligible, got) in found.items()}


def movement(
    was: Mapping[str, Decimal], now: Mapping[str, Decimal], currency: str, *, is_known: bool
) -> str:
    if not was:
        return "reactivation" if is_known else "new"
    if not now:
        return "churn"
    appeared, vanished = now.keys() - was.keys(), was.keys() - now.keys()
    if appeared and vanished and currency in appeared | vanished:
        return "currency_change"
    return "expansion" if now.get(currency, ZERO) > was.get(currency, ZERO) else "contraction"


def each_day(start: dt.date, end: dt.date) -> Sequence[dt.date]:
    return [start + dt.timedelta(days=number) for number in range((end - start).days)]


def local_day(at: dt.datetime, zone: str = ZONE) -> dt.date:
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo(zone)).date()


__all__ = ["Oracle", "instant"]
