"""Audio from a client's microphone, and its captions back on the same WebSocket."""
