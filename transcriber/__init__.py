"""The transcriber service: turns queued chunks of audio into captions."""
