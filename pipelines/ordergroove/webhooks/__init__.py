"""Webhook events on their way: receiver, inbox, and from there into the warehouse."""
