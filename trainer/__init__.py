"""A corpus becomes a checkpoint."""
