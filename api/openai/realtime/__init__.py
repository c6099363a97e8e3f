"""The transcription part of OpenAI's Realtime API: turns of a session, each a microphone recording."""
