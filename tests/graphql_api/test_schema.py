"""The schema against facts copied from the documentation's object pages, one by one."""

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType

from tests.graphql_api.generated import schema

FIELD_COUNTS = {
    "OrderType": 27, "ItemType": 17, "SubscriptionType": 32, "CustomerType": 12, "AddressType": 17,
    "PaymentType": 14, "ProductType": 19, "SwappableProductType": 18, "ProductGroupType": 2,
    "ComponentType": 3, "CancelReasonType": 2, "PrepaidSubscriptionContextType": 5,
    "FreeTrialSubscriptionContextType": 5, "GranteeType": 2, "QueuedActionType": 5,
    "OneTimeIncentiveType": 10, "AppliedIncentiveType": 6, "SourceType": 9, "ApplicationType": 2,
    "GiftContextType": 3, "OrderConnection": 2, "OrderEdge": 2, "ItemsPage": 2, "PageInfo": 4,
}  # fmt: skip

FACTS = {
    "Query.order": "OrderType",
    "Query.orders": "OrderConnection!",
    "OrderType.items": "ItemsPage!",
    "OrderType.place": "DateTime",
    "OrderType.extraData": "String",
    "OrderType.appliedIncentives": "[AppliedIncentiveType!]!",
    "ItemType.components": "[ProductType!]!",
    "ItemType.giftContext": "GiftContextType",
    "SubscriptionType.startDate": "Date!",
    "SubscriptionType.cancelReasonCode": "CancelReasonType",
    "SubscriptionType.queuedActions": "[QueuedActionType!]",
    "CancelReasonType.code": "Int!",
    "ProductType.swappableProducts": "[SwappableProductType!]!",
    "ApplicationType.discountedAmount": "String",
    "PaymentType.paymentMethod": "Int",
    "PageInfo.endCursor": "String",
}


def fields_of(name: str) -> dict[str, str]:
    made = schema().type_map[name]
    assert isinstance(made, GraphQLObjectType | GraphQLInterfaceType)
    return {field: str(value.type) for field, value in made.fields.items()}


@pytest.mark.parametrize(("name", "count"), FIELD_COUNTS.items())
def test_each_type_has_as_many_fields_as_its_page(name: str, count: int) -> None:
    assert len(fields_of(name)) == count


@pytest.mark.parametrize(("place", "kind"), FACTS.items())
def test_a_field_has_the_type_that_its_page_shows(place: str, kind: str) -> None:
    name, field = place.split(".")
    assert fields_of(name)[field] == kind


def test_the_roots_and_their_arguments_are_those_of_the_documentation() -> None:
    query = schema().query_type
    assert query is not None
    paging = {"first", "after", "last", "before"}
    assert {name: set(made.args) for name, made in query.fields.items()} == {
        "order": {"publicId"},
        "subscription": {"publicId"},
        "subscriptions": {"customer", "live"} | paging,
        "orders": {"customer", "status", "subscription", "place", "placeStart", "placeEnd",
                   "includePrepaidOrders"} | paging,
    }  # fmt: skip
