"""Demonstrations: laps that were driven, how they are kept, and how they are seen again."""
