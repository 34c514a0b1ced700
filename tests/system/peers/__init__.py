"""Processes written from protocol/README.md alone: proof that each of the three can be replaced."""
