"""evaluation: what a drive is worth: metrics, requirements, and the forms they are given out in."""
