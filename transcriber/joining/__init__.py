"""Turns the outcomes of a source's chunks into one sequence of captions, whichever worker finished first."""
