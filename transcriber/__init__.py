"""Chunks become captions."""
