"""Accuracy and latency of live captions on programmes with known words: ours, and other methods with the same model."""
