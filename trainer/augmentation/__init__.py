"""Augmentation: effects on speech, and sounds without speech."""
