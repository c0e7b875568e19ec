"""Crashes: processes that are killed at random moments, and what is then on the disk."""
