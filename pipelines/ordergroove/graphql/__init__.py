"""What only GraphQL tells: the proof of the zone, and more columns."""
