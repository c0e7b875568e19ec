"""ride: what a person drives, sees again, or takes over, behind play.py."""
