"""The reports that Ordergroove drops as files, and their columns, as one table.

Spelling follows the help centre; headers can be changed per merchant, so they are compared
without case, spaces and signs. Several of the published lists break off: what is not named here
is kept as well, in `other_columns`.
"""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from types import MappingProxyType

from sources.ordergroove.kinds import Kind, Personal

TEXT, INTEGER, MONEY, DATE, STAMP = (
    Kind.TEXT, Kind.INTEGER, Kind.MONEY, Kind.DATE, Kind.LOCAL_STAMP,
)  # fmt: skip


@dataclass(frozen=True)
class FileColumn:
    """One column: its name in the warehouse, its kind, and what headers may call it."""

    name: str
    kind: Kind = TEXT
    headers: tuple[str, ...] = ()
    _: KW_ONLY
    personal: Personal = Personal.NO
    references: str | None = None
    """`table.column` of the API's tables that the value names; files know few such ids."""

    @property
    def known_as(self) -> frozenset[str]:
        return frozenset(plain(header) for header in (self.name, *self.headers))


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report; without one of the columns of `needed` a file is not this report."""

    name: str
    columns: tuple[FileColumn, ...]
    needed: tuple[str, ...]

    def __post_init__(self) -> None:
        heads = [head for column in self.columns for head in column.known_as]
        if len(heads) != len(set(heads)):
            raise ValueError(f"{self.name}: two columns share a header")
        if not set(self.needed) <= {column.name for column in self.columns}:
            raise ValueError(f"{self.name}: a needed column is none of its columns")

    @property
    def table(self) -> str:
        return f"sftp_{self.name}"


KEPT_BESIDE = ("other_columns", "_unparsed")
"""Columns of every report's table that hold what is not named here: they may hold anything."""


def plain(header: str) -> str:
    """A header without case, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", header.lower())


person = partial(FileColumn, personal=Personal.DIRECT)
pseudonym = partial(FileColumn, personal=Personal.PSEUDONYM)
public_id = partial(FileColumn, references="subscriptions.public_id")
product_id = partial(FileColumn, references="products.external_product_id")

# internal ids are numbers that the API does not know; they stay text
PEOPLE = (
    FileColumn("merchant"),
    pseudonym("ordergroove_user_id", headers=("User ID", "customer_id")),
    pseudonym("merchant_user_id", references="customers.merchant_user_id"),
)
BEGINNING = (
    FileColumn("create_date", DATE),
    FileColumn("create_time", STAMP),
    FileColumn("start_date", DATE),
    FileColumn("customer_status"),
    FileColumn("subscription_id"),
    public_id("public_subscription_id"),
    FileColumn("offer_id"),
    FileColumn("merchant_order_id"),
)

ORDERS = Report(
    name="orders",
    needed=("ordergroove_order_id",),
    columns=(
        *PEOPLE,
        FileColumn("place_date", DATE),
        FileColumn("ordergroove_order_id", headers=("order_id",)),
        # not among the columns that the help centre lists, but named as the key elsewhere
        FileColumn("order_item_id"),
        FileColumn("ordergroove_subscription_id", headers=("subscription_id",)),
        person("email_address"),
        person("first_name"),
        person("last_name"),
        FileColumn("product"),
        product_id("external_product_id", headers=("product_id", "Merchant Product ID")),
        FileColumn("sku"),
        FileColumn("quantity", INTEGER),
        FileColumn("price", MONEY),
        FileColumn("order_subtotal", MONEY),
        FileColumn("order_status"),
        FileColumn("merchant_order_id"),
        FileColumn("rejected_error_code"),
    ),
)
SUBSCRIPTIONS = Report(
    name="subscription", needed=("subscription_id",), columns=(*PEOPLE, *BEGINNING)
)
CANCELLED = Report(
    name="cancelled_subscriptions",
    needed=("subscription_id",),
    columns=(*PEOPLE, *BEGINNING, FileColumn("guest_checkout")),
)
CRM = Report(
    name="crm_subscription",
    needed=("og_subscription_id",),
    columns=(
        public_id("og_subscription_id"),
        pseudonym("customer_id"),
        person("customer_email"),
        FileColumn("subscription_create_date", STAMP),
        FileColumn("merchant_order_id"),
        product_id("external_product_id"),
        FileColumn("sku"),
        FileColumn("quantity", INTEGER),
        FileColumn("frequency", INTEGER),
        FileColumn("subscription_status", INTEGER),
        FileColumn("next_order_date", STAMP),
    ),
)
REPORTS: Mapping[str, Report] = MappingProxyType(
    {report.name: report for report in (ORDERS, SUBSCRIPTIONS, CANCELLED, CRM)}
)
"""Every report whose columns are published, by the name that stands in its files' names."""
