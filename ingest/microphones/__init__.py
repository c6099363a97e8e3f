"""Reads the microphones whose audio the API puts on Redis."""
