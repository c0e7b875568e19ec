"""models: networks, their weights, and the files that a policy is kept in."""
