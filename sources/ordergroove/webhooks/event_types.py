"""Everything known about the types of webhook events: one row each, and one for each family.

Types that are not listed arrive all the same: they are stored, and their family says which object
they speak of. Source: Ordergroove docs, the pages on subscriber, subscription, order, item,
entitlement and workflow events, "Configure Webhooks via API".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Tells(StrEnum):
    """What an event means for the row of its object."""

    CHANGED = "changed"
    """The object is no longer what it was: worth fetching again. The payload is no row."""

    GONE = "gone"
    """The object is said to be deleted: a candidate, proved like any other."""

    NOTHING = "nothing"
    """No field of the object differs because of it."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """The first part of a type: which object its events carry."""

    name: str
    key: str
    """The field of `data.object` that names the object."""

    entity: str | None = None
    """The table that holds the object, if one does."""


@dataclass(frozen=True, kw_only=True)
class EventType:
    """One documented type."""

    name: str
    tells: Tells = Tells.CHANGED
    note: str = ""

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            # the object has no public_id
            Family(name="subscriber", entity="customers", key="merchant_user_id"),
            Family(name="subscription", entity="subscriptions", key="public_id"),
            Family(name="order", entity="orders", key="public_id"),
            Family(name="item", entity="items", key="public_id"),
            # one event speaks of several entitlements of one customer
            Family(name="entitlement", key="customer"),
            Family(name="workflow", key="execution_id"),
        )
    }
)

ROWS = (
    EventType(name="subscriber.create", note="the first subscription, not the first visit"),
    EventType(name="subscriber.cancel", note="the last live subscription was cancelled"),
    EventType(name="subscriber.subscriptions_created"),
    EventType(name="subscription.create", note="not sent when made in the Ordergroove Admin"),
    EventType(name="subscription.cancel", note="the row stays, `live` is false"),
    EventType(name="subscription.change_live", note="live again"),
    EventType(name="subscription.reactivate", note="another name of it"),
    EventType(name="subscription.sku_swap"),
    EventType(name="subscription.change_frequency"),
    EventType(name="subscription.change_quantity"),
    EventType(name="subscription.change_components"),
    EventType(name="subscription.change_shipping_address"),
    EventType(name="subscription.change_payment"),
    EventType(name="subscription.refresh_one_click_token", tells=Tells.NOTHING),
    EventType(name="order.create", note="on the event page, not in the list of filters"),
    EventType(name="order.change_shipping_address"),
    EventType(name="order.change_payment"),
    EventType(name="order.change_billing", note="no description published"),
    EventType(name="order.change_next_order_date", note="not sent when changed in the Admin"),
    EventType(name="order.skip_order", note="the row stays, status 4"),
    EventType(name="order.send_now"),
    EventType(name="order.cancel", note="the row stays; the shop answered with code 030"),
    EventType(name="order.success"),
    EventType(name="order.reject", note="the row stays, status 3"),
    EventType(name="order.generic_error"),
    EventType(name="order.retryable_placement_failure"),
    EventType(name="order.reminder", tells=Tells.NOTHING),
    EventType(name="order.refresh_one_click_token", tells=Tells.NOTHING),
    EventType(
        name="order.delete",
        tells=Tells.GONE,
        note="the amounts in it are those before the deletion",
    ),
    EventType(name="item.create"),
    EventType(name="item.change_order"),
    EventType(name="item.change_quantity"),
    EventType(name="item.remove", tells=Tells.GONE, note="often followed by an item.create"),
    EventType(name="item.item_subscribe"),
    EventType(name="item.update_price"),
    EventType(name="item.sku_swap", note="no description published"),
    EventType(name="item.successfully_placed"),
    EventType(
        name="item.out_of_stock",
        note="moved to tomorrow's order; not sent when the item is given up and deleted",
    ),
    EventType(name="entitlement.entitlements_granted"),
    EventType(name="entitlement.entitlements_expiring"),
    EventType(name="entitlement.entitlements_expired"),
    EventType(name="entitlement.entitlements_grace_period_expired"),
    EventType(name="entitlement.entitlements_expiration_modified"),
    EventType(name="entitlement.entitlements_voided"),
    EventType(name="workflow.send_communication", tells=Tells.NOTHING),
)
EVENT_TYPES: Mapping[str, EventType] = MappingProxyType({row.name: row for row in ROWS})


def family_of(event_type: str | None) -> Family | None:
    return FAMILIES.get((event_type or "").partition(".")[0])


def meaning_of(event_type: str | None) -> Tells:
    """What an event of that type tells; an unlisted one of a known family tells of a change."""
    known = EVENT_TYPES.get(event_type or "")
    if known is not None:
        return known.tells
    return Tells.CHANGED if family_of(event_type) else Tells.NOTHING


def types_that_tell(tells: Tells) -> tuple[str, ...]:
    """The documented types with that meaning whose object has a table."""
    return tuple(
        row.name for row in ROWS if row.tells is tells and FAMILIES[row.family].entity is not None
    )
