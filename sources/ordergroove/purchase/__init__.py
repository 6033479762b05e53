"""Ordergroove's Purchase POST: one checkout in, subscriptions out, some time later.

    from sources.ordergroove.purchase.client import Purchases

The pipeline reads; this writes, and only for `ordergroove canary` on staging.
"""
