"""Ordergroove's other way of asking: a read-only GraphQL API over orders and subscriptions.

    from sources.ordergroove.graphql.client import GraphQL

It knows no filter by change time, so it never drives a sync: it proves the zone of the clock,
answers single questions, and brings what the REST API does not return.
"""
