"""Turns sources of speech (stations, uploads, microphones) into 5-second chunks of 16 kHz PCM on the chunk queue."""
