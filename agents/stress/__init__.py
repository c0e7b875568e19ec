"""stress: what can go wrong with a camera, a car, a loop or a start, and how a driver takes it."""
