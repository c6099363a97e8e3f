"""Training: sampling clips, tokenising them, batches, losses, the loop, and the run folder."""
