"""Sources (stations, uploads, the microphone) become 5-second PCM chunks."""
