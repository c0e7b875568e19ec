"""What agents.reinforce is made of; all but the options needs Stable-Baselines3."""
