"""Any source of speech (stations, uploads, microphones) to 5-second chunks of 16 kHz PCM on the chunk queue."""
