"""Turns sources of speech (stations, uploads, microphones) into 5-second chunks of 16 kHz PCM on the chunk queue.

Its packages, from the top layer down; each imports only from those below it:

stations      radio stations, shared among the ingest processes; on the same layer
microphones   audio that the API receives from microphones; and
recordings    uploads and files on other servers, decoded as RQ jobs
live          what stations and microphones share: the clock, the lease, chunks on their way to Redis
speech        speech, music or silence; on the same layer
media         ffmpeg, ffprobe, playlists, the frames of MP3 and AAC

`chunker` cuts the PCM of any of them, `context` has what they share, and `main` runs them all.
"""
