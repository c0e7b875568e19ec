"""agents: drivers and how they learn."""
