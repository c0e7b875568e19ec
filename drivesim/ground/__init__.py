"""Ground: a world from above as one picture, painted once; cameras are warped from it."""
