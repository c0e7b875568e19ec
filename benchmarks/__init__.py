"""benchmarks: speed and quality, ours beside those of peers, measured in one run."""
