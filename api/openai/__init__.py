"""OpenAI's API for transcriptions and its Realtime API, on top of our jobs and microphones."""
