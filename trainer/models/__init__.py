"""Whisper models for training: checkpoints of any size, tokenizers, features, adapters, precision, device."""
