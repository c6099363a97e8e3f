"""Tells speech from music and silence, so that only speech costs a transcriber time."""
