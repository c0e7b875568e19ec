"""What agents.dagger is made of: teachers, a shared wheel, rounds."""
