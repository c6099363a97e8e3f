"""Captions as they are made: from the log and the live channel to the sockets of any number of viewers."""
