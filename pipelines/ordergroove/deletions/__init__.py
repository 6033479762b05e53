"""What Ordergroove has deleted: candidates, proof, marks."""
