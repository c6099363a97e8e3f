"""Whisper as it is trained: checkpoints of any size, their tokenizers and features, adapters, precision, device."""
