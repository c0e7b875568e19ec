"""carracing: what is known of Gymnasium's CarRacing-v3 from inside, and a scripted driver that uses it."""
