"""deployment: policies outside of torch, and how they are watched there."""
