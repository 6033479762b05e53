"""A customer forgotten: erased, and kept from coming back."""
