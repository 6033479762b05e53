"""What is fetched through GraphQL because no REST list returns it: tables, columns, paths.

A path names fields from a single order or subscription down; `on TYPE` asks for what only one
implementation of an interface has. Queries are made from these rows, see `queries.py`.
Source: Ordergroove docs "GraphQL definitions: objects".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sources.ordergroove.graphql.limits import MOST_DEPTH
from sources.ordergroove.kinds import Kind

TEXT, WHOLE, MONEY = Kind.TEXT, Kind.INTEGER, Kind.MONEY
FLAG, INSTANT = Kind.BOOLEAN, "instant"
"""`instant`: a date-time with its offset, which REST does not have."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One table. Each object at the end of `at` is a row, or none where it is null.

    Raises ValueError for a path that lies deeper than Ordergroove allows.
    """

    table: str
    root: str
    """The root field that answers, `order` or `subscription`."""

    parent: str
    """The column that names the order or subscription."""

    at: str
    """Where the rows are, from the root's object down."""

    fields: tuple[tuple[str, str, str], ...]
    """Column, path below `at`, kind."""

    above: tuple[tuple[str, str], ...] = ()
    """Column of text, path from the root: what identifies the objects on the way to `at`."""

    personal: tuple[str, ...] = ()
    """Columns that may hold something about a person."""

    def __post_init__(self) -> None:
        for path in self.paths():
            if 1 + len([step for step in path if not step.startswith("on ")]) > MOST_DEPTH:
                raise ValueError(f"{self.table}: {'.'.join(path)} lies too deep")

    @property
    def references(self) -> str:
        """What the column `parent` names: `table.column`."""
        return f"{self.root}s.public_id"

    def paths(self) -> Iterator[tuple[str, ...]]:
        """The leaves to ask for, from the root's object down."""
        for _, path in self.above:
            yield tuple(path.split("."))
        for _, path, _ in self.fields:
            yield (*self.at.split("."), *path.split("."))

    @property
    def columns(self) -> dict[str, str]:
        """Every column with its kind: the parent, what lies above, a number, the fields."""
        kinds = {self.parent: str(TEXT)} | {column: str(TEXT) for column, _ in self.above}
        return kinds | {"ordinal": str(WHOLE)} | {column: str(k) for column, _, k in self.fields}


def columns_of(table: str) -> dict[str, str]:
    """The columns of a table, of whatever several places its rows come from."""
    found: dict[str, str] = {}
    for wanted in WANTED:
        if wanted.table == table:
            found |= wanted.columns
    return found


DISCOUNT = "incentive.on DiscountIncentiveType"
APPLIED = (
    ("status", "status", TEXT),
    ("target", "target", TEXT),
    ("target_public_id", "targetPublicId", TEXT),
    ("incentive", "incentive.publicId", TEXT),
    ("incentive_name", "incentive.name", TEXT),
    ("incentive_type", "incentive.__typename", TEXT),
    ("discount_type", f"{DISCOUNT}.discountType", TEXT),
    ("discount_value", f"{DISCOUNT}.value", MONEY),
    ("source", "source.publicId", TEXT),
    ("source_type", "source.sourceType", TEXT),
    ("source_external_code", "source.externalCode", TEXT),
    ("source_coupon", "source.couponPublicId", TEXT),
    ("source_description", "source.description", TEXT),
    ("stacking_type", "source.stackingType", WHOLE),
    ("discounted_amount", "application.discountedAmount", MONEY),
    ("application_ordinal", "application.ordinal", WHOLE),
)
ITEM = (("item", "items.nodes.publicId"),)

WANTED = (
    Wanted(
        table="order_applied_incentives",
        root="order",
        parent="order",
        at="appliedIncentives",
        fields=APPLIED,
    ),
    Wanted(
        table="order_applied_incentives",
        root="order",
        parent="order",
        at="items.nodes.appliedIncentives",
        above=ITEM,
        fields=APPLIED,
    ),
    Wanted(
        table="item_gift_contexts",
        root="order",
        parent="order",
        at="items.nodes.giftContext",
        above=ITEM,
        fields=(
            ("can_change_quantity", "canChangeQuantity", FLAG),
            ("can_swap_sku", "canSwapSku", FLAG),
            ("gift", "gift.publicId", TEXT),
            ("gift_name", "gift.name", TEXT),
            ("gift_product", "gift.product.externalProductId", TEXT),
        ),
    ),
    Wanted(
        table="subscription_cancel_reasons",
        root="subscription",
        parent="subscription",
        at="cancelReasonCode",
        fields=(("code", "code", WHOLE), ("reason", "reason", TEXT)),
        # customers may write in their own words
        personal=("reason",),
    ),
    Wanted(
        table="subscription_prepaid_contexts",
        root="subscription",
        parent="subscription",
        at="prepaidSubscriptionContext",
        fields=(
            ("prepaid_orders_remaining", "prepaidOrdersRemaining", WHOLE),
            ("prepaid_orders_per_billing", "prepaidOrdersPerBilling", WHOLE),
            ("renewal_behavior", "renewalBehavior", TEXT),
            ("last_renewal_revenue", "lastRenewalRevenue", MONEY),
            ("prepaid_origin_merchant_order_id", "prepaidOriginMerchantOrderId", TEXT),
        ),
    ),
    Wanted(
        table="subscription_free_trials",
        root="subscription",
        parent="subscription",
        at="freeTrialSubscriptionContext",
        fields=(
            ("days", "days", WHOLE),
            ("expiration", "expiration", INSTANT),
            ("is_in_free_trial", "isInFreeTrial", FLAG),
            ("conversion_item", "conversionItem", TEXT),
            ("product", "product.externalProductId", TEXT),
        ),
    ),
    Wanted(
        table="subscription_queued_actions",
        root="subscription",
        parent="subscription",
        at="queuedActions",
        fields=(
            ("public_id", "publicId", TEXT),
            ("action_index", "index", WHOLE),
            ("action_ordinal", "ordinal", WHOLE),
            ("skip", "skip", FLAG),
            ("date", "date", INSTANT),
        ),
    ),
    Wanted(
        table="subscription_swappable_products",
        root="subscription",
        parent="subscription",
        at="product.swappableProducts",
        fields=(
            ("product", "externalProductId", TEXT),
            ("sku", "sku", TEXT),
            ("live", "live", FLAG),
        ),
    ),
)
"""Every place that rows of the enrichment come from."""

TABLES = tuple(dict.fromkeys(wanted.table for wanted in WANTED))
