"""Fuzzing: random damage, what it is done to, and the hunt for what then goes wrong."""
