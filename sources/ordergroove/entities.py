"""The table of entities: every fact about Ordergroove's object types, once.

Resources, warehouse columns, the README's table, the sandbox and the checks are derived from these
rows. Facts come from Ordergroove's public documentation (page titles in `source`); what is only
inferred from it says so. `tests/contract/` holds an independent copy of the facts that matter.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from sources.ordergroove.kinds import Kind, Personal
from sources.ordergroove.model import Answer, Changes, Column, Deletion, Entity, Vanishing

text = partial(Column, kind=Kind.TEXT)
integer = partial(Column, kind=Kind.INTEGER)
boolean = partial(Column, kind=Kind.BOOLEAN)
money = partial(Column, kind=Kind.MONEY)
stamp = partial(Column, kind=Kind.LOCAL_STAMP)
date = partial(Column, kind=Kind.DATE)
json = partial(Column, kind=Kind.JSON)

person = partial(text, personal=Personal.DIRECT)
pseudonym = partial(text, personal=Personal.PSEUDONYM)
free_text = partial(text, personal=Personal.FREE_TEXT)

# every object names its customer by the shop's own user id, never by an id of Ordergroove's
customer = partial(pseudonym, "customer", references="customers.merchant_user_id")
# documented as a JSON string, seen as an object and as null; shops put anything into it
extra_data = partial(json, "extra_data", personal=Personal.FREE_TEXT)

CUSTOMERS = Entity(
    name="customers",
    path="/customers/",
    # there is no public_id: the shop's user id is the only one, unique within the merchant
    key=("merchant_user_id",),
    # the filter says `updated`, the record says `last_updated`
    changes=Changes(start="updated_start", end="updated_end", stamp="last_updated"),
    single="/customers/{key}/",
    deletion=Deletion.FLAGGED,
    source="Customers List; Customers Retrieve; Events and Payloads",
    columns=(
        text("merchant"),
        pseudonym("merchant_user_id"),
        pseudonym("session_id"),
        pseudonym("user_token_id", note="may be an empty text"),
        person("first_name"),
        person("last_name"),
        person("email"),
        person("phone_number", note="E.164"),
        integer("phone_type", note="0 invalid, 1 landline, 2 mobile, 3 VoIP"),
        boolean("live", note="account active"),
        stamp("created"),
        stamp("last_updated", note="the change stamp"),
        stamp("last_login"),
        extra_data(),
        integer("locale", also=("string",), note="a number; the update page shows `en-us`"),
        text("price_code"),
        json("experiences", note="known from the create page only"),
    ),
)

SUBSCRIPTIONS = Entity(
    name="subscriptions",
    path="/subscriptions/",
    key=("public_id",),
    changes=Changes(start="updated_start", end="updated_end", stamp="updated"),
    single="/subscriptions/{key}/",
    deletion=Deletion.FLAGGED,
    source="Subscriptions List; Subscriptions Retrieve; Prepaid subscriptions",
    columns=(
        customer(),
        text("merchant"),
        text("product", references="products.external_product_id"),
        text("payment", references="payments.public_id"),
        text("shipping_address", references="addresses.public_id"),
        text("offer", references="offer_profiles.offers[]"),
        text("subscription_type", note="`Replenish` or `replenishment`"),
        text("raw_subscription_type", note="known from webhook snapshots only"),
        json("components", note="text, list of ids or of objects; empty unless a bundle"),
        extra_data(),
        text("public_id"),
        text("product_attribute", deprecated=True),
        integer("quantity"),
        money("price", note="null unless the price is locked"),
        integer("frequency_days"),
        integer("reminder_days"),
        integer("every"),
        integer("every_period", note="1 days, 2 weeks, 3 months; 4 years on one page"),
        date("start_date", note="an example shows a date-time"),
        stamp("cancelled"),
        free_text("cancel_reason", note="`code|text`"),
        text("cancel_reason_code", also=("integer",), note="`4`, `4|` and the number 4 are shown"),
        text("currency_code"),
        text("iteration", deprecated=True),
        text("sequence", deprecated=True),
        pseudonym("session_id"),
        text("merchant_order_id", note="the shop's order that created the subscription"),
        text("external_id", note="known from webhook snapshots and GraphQL only"),
        text("customer_rep", deprecated=True),
        text("club", deprecated=True),
        stamp("created"),
        stamp("updated", note="the change stamp; equals `created` at first"),
        boolean("live", also=("string",), note="active; an example shows the text `True`"),
        json("prepaid_subscription_context", only_if="prepaid is enabled", note="object, {}, null"),
        json("free_trial_subscription_context", only_if="the subscription has a free trial"),
        json("grantees"),
    ),
)

ORDERS = Entity(
    name="orders",
    path="/orders/",
    key=("public_id",),
    changes=Changes(start="updated_start", end="updated_end", stamp="updated"),
    single="/orders/{key}/",
    # only orders that were not processed yet; a cancelled order stays, with status 4
    deletion=Deletion.VANISHES,
    # rejected, cancelled, successful, answered but not understood, merged: what else there is,
    # or may come, can still be deleted (that 3 and 14 can not is inferred)
    vanishing=Vanishing(status="status", final=frozenset({3, 4, 5, 14, 17})),
    # adds `has_plan`, and nothing else
    params=MappingProxyType({"include_has_plan": "true"}),
    source="Orders List; Orders Retrieve; Order Status Codes",
    columns=(
        text("merchant"),
        customer(),
        text("payment", references="payments.public_id"),
        text("shipping_address", references="addresses.public_id"),
        text("public_id"),
        text("currency_code"),
        money("sub_total", note="after discounts, before tax and shipping"),
        money("tax_total"),
        money("shipping_total"),
        money("discount_total"),
        money("total"),
        stamp("created"),
        stamp("updated", note="the change stamp; moved by changes of the order's items too"),
        stamp("place", note="midnight while in the future"),
        stamp("cancelled"),
        integer("tries"),
        integer("generic_error_count"),
        integer("status", note="see Order Status Codes; unknown codes load as they are"),
        integer("type", also=("string",), note="1 = subscription order"),
        text("order_merchant_id", note="set once the order was placed"),
        free_text("rejected_message", note="plain text or a JSON string"),
        extra_data(note="holds `merged_order_id` where status is 17"),
        boolean("locked"),
        boolean("oos_free_shipping"),
        boolean("has_plan", only_if="include_has_plan=true"),
    ),
)

ITEMS = Entity(
    name="items",
    path="/items/",
    key=("public_id",),
    # an item has no change stamp: any change of it moves its order's `updated`, shown here
    changes=Changes(start="order_updated_start", end="order_updated_end", stamp="order_updated"),
    single="/items/{key}/",
    deletion=Deletion.VANISHES,
    vanishing=Vanishing(within="order"),
    source="Items List; Items Retrieve; Item Events; Bundle API Components",
    columns=(
        text("order", references="orders.public_id", note="mutable: items move between orders"),
        text("offer", references="offer_profiles.offers[]"),
        text("subscription", references="subscriptions.public_id", note="null: one-time item"),
        text(
            "product",
            references="products.external_product_id",
            note="may be null until the order is placed",
        ),
        json("components", note="legacy bundles; an empty list in the examples"),
        text("subscription_component", references="subscriptions.components[].public_id"),
        integer("quantity"),
        text("public_id"),
        text("product_attribute", deprecated=True),
        money("price", only_if="prices are not omitted", note="of one unit"),
        money("extra_cost", only_if="prices are not omitted", deprecated=True),
        money(
            "total_price",
            only_if="prices are not omitted",
            note="of the line, after quantity and discount",
        ),
        boolean("one_time"),
        stamp("order_updated", note="the change stamp: `updated` of the item's order"),
        boolean("frozen"),
        stamp("first_placed"),
    ),
)

ADDRESSES = Entity(
    name="addresses",
    path="/addresses/",
    key=("public_id",),
    changes=Changes(start="updated_start", end="updated_end", stamp="updated"),
    single="/addresses/{key}/",
    deletion=Deletion.FLAGGED,
    source="Addresses List; Addresses Retrieve",
    columns=(
        customer(),
        text("public_id"),
        free_text("label"),
        person("first_name"),
        person("last_name"),
        person("company_name"),
        person("address"),
        person("address2"),
        person("city"),
        person("state_province_code", note="null outside the countries that have one"),
        person("zip_postal_code", note="text: leading zeros count"),
        person("phone"),
        person("fax"),
        text("country_code"),
        boolean("live", note="tied to an upcoming order or subscription"),
        stamp("created"),
        stamp("updated", note="the change stamp; documented since 2025, old rows may lack it"),
        text("token_id", personal=Personal.SECRET, deprecated=True),
        text("store_public_id"),
    ),
)

PAYMENTS = Entity(
    name="payments",
    path="/payments/",
    key=("public_id",),
    single="/payments/{key}/",
    deletion=Deletion.FLAGGED,
    advice="Ordergroove advises against syncing payments: the shop is their source.",
    source="Payments List; Payments Retrieve; Credit Card Types",
    columns=(
        customer(),
        text("billing_address", references="addresses.public_id"),
        text("cc_number_ending", personal=Personal.PAYMENT),
        text("public_id"),
        free_text("label"),
        text("token_id", personal=Personal.SECRET),
        person("cc_holder"),
        integer("cc_type", note="1 Visa, 2 Mastercard, 3 Amex, 4 Discover, 5 Diners, 6 JCB"),
        text("cc_exp_date", personal=Personal.PAYMENT, note="MM/YYYY"),
        text("payment_method", also=("integer",), note="`credit card`, `paypal`, ...; or a number"),
        boolean("live"),
        stamp("created"),
        stamp("last_updated", note="a stamp without a filter"),
    ),
)

PRODUCTS = Entity(
    name="products",
    path="/products/",
    key=("external_product_id",),
    single="/products/{key}/",
    deletion=Deletion.FLAGGED,
    params=MappingProxyType(
        {
            # without these two the list hides disabled and discontinued products
            "autoship_enabled": "all",
            "allow_discontinued": "true",
            # each adds the field of that name
            "include_product_selection_rules": "true",
            "include_product_resource_grants": "true",
            "include_product_free_trials": "true",
        }
    ),
    advice="Ordergroove advises against syncing products: the shop is their source.",
    source="Products List; Products Retrieve; Rotating product pages",
    columns=(
        text("merchant"),
        json("groups"),
        text("name"),
        money("price"),
        text("image_url"),
        text("detail_url"),
        text("external_product_id"),
        text("sku"),
        boolean("autoship_enabled"),
        boolean("prepaid_eligible"),
        integer("premier_enabled", deprecated=True),
        stamp("created"),
        stamp("last_update", note="spelled without a d; a stamp without a filter"),
        boolean("live", note="in stock"),
        boolean("discontinued"),
        extra_data(),
        text("product_type"),
        boolean("autoship_by_default"),
        integer("every", deprecated=True),
        integer("every_period", deprecated=True),
        text("offer_profile", references="offer_profiles.public_id", deprecated=True),
        text("incentive_group"),
        json("product_selection_rules", only_if="include_product_selection_rules=true"),
        # the parameter is documented, the name of the field it adds is inferred from it
        json("product_resource_grants", only_if="include_product_resource_grants=true"),
        json("product_free_trial_configurations", only_if="include_product_free_trials=true"),
    ),
)

OFFER_PROFILES = Entity(
    name="offer_profiles",
    path="/offer_profiles/",
    key=("public_id",),
    deletion=Deletion.FLAGGED,
    params=MappingProxyType(
        {
            # the default shows available profiles only
            "status": "all",
            # adds `standard_flex_incentives` to the coupons
            "offer_profile_category": "all_with_standard_flex_incentives",
        }
    ),
    source="Offer Profile List",
    columns=(
        text("public_id"),
        text("name"),
        text("merchant"),
        boolean("live"),
        text("status", note="`available` or `archived`"),
        integer("weight"),
        json("offers", note="ids; the only place where offers are listed"),
        json("recurring_coupon"),
        json("initial_coupon"),
    ),
)

ONE_TIME_INCENTIVES = Entity(
    name="one_time_incentives",
    path="/one_time_incentives/",
    key=("public_id",),
    single="/one_time_incentives/{key}/",
    # a delete endpoint is documented, a trace of what it deleted is not
    deletion=Deletion.UNDOCUMENTED,
    # the list page documents last_updated filters, the pipeline guide denies them: read whole
    answer=Answer.LIST,
    source="One Time Incentives List; Implement Custom Data Pipelines",
    columns=(
        text("public_id"),
        text("external_code"),
        text("description"),
        text("merchant"),
        customer(),
        text("order", references="orders.public_id", note="null for an item's incentive"),
        text("item", references="items.public_id", note="null for an order's incentive"),
        stamp("created"),
        stamp("last_updated"),
        stamp("applied_at"),
        stamp("expires", note="known from create responses"),
        text("stacking_type", note="known from create responses"),
        json("incentive"),
    ),
)

PRODUCT_GROUPS = Entity(
    name="product_groups",
    path="/product_groups/",
    key=("group_type", "name"),
    deletion=Deletion.UNDOCUMENTED,
    answer=Answer.LIST,
    source="Product Groups List",
    columns=(text("name"), text("group_type")),
)

RESOURCES = Entity(
    name="resources",
    path="/resources/",
    key=("public_id",),
    single="/resources/{key}/",
    deletion=Deletion.UNDOCUMENTED,
    answer=Answer.LIST,
    source="Resources List",
    columns=(
        text("merchant"),
        text("public_id"),
        text("name"),
        text("external_resource_id"),
        text("description"),
        text("image_url"),
        stamp("created"),
        stamp("last_updated"),
    ),
)

CANCEL_REASONS = Entity(
    name="cancel_reasons",
    # the one list whose path is not its name
    path="/merchant/cancel_reason/",
    key=("application", "cancel_reason"),
    deletion=Deletion.UNDOCUMENTED,
    answer=Answer.OBJECT,
    source="List Cancellation Reasons",
    columns=(integer("cancel_reason"), text("application")),
)

ENTITIES: Mapping[str, Entity] = MappingProxyType(
    {
        entity.name: entity
        for entity in (
            CUSTOMERS,
            SUBSCRIPTIONS,
            ORDERS,
            ITEMS,
            ADDRESSES,
            PAYMENTS,
            PRODUCTS,
            OFFER_PROFILES,
            ONE_TIME_INCENTIVES,
            PRODUCT_GROUPS,
            RESOURCES,
            CANCEL_REASONS,
        )
    }
)
"""Every list endpoint the program reads, by name, in the order in which people think of them."""
