"""Device: the simulator's parts that compute on a torch device; nothing else in drivesim imports torch."""
