"""Runs any Whisper checkpoint with torch: loads it, decodes batches, and times the words."""
