"""From a corpus and a checkpoint to a better checkpoint: what is drawn, how it is spelt, and what a step does."""
