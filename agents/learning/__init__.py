"""learning: the loop that fits a network, its checkpoints and its studies."""
