"""make bench: every figure that the product promises, measured on a real API server."""
