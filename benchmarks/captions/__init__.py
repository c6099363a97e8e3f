"""Live captions against a truth that is known to the word: ours, and what others do with the same model."""
