"""A policy that drives in a web browser."""
