"""Ordergroove's daily files: which reports there are, how files are named, what stands in them."""
