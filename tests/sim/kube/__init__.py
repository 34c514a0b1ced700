"""Kubernetes API stand-in: the resources this project uses, with watches, and the controllers that act on them."""
