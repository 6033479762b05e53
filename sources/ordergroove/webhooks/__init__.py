"""What Ordergroove's webhooks say: whether they are genuine, what happened, to which object."""
