"""Evaluation: error rates by group with confidence intervals, and an alarm for broken decoding."""
