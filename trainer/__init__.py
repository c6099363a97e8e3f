"""The trainer: examples in, a published Whisper checkpoint out."""
