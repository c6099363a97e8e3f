"""The transcriber service: turns queued chunks of audio into captions.

`worker` takes chunks, `chunk_decoder` decodes them, `rules` rejects what nobody said. Two packages are independent:

joining       the seam: the words of a source's chunks, joined into captions
whisper       the engine: any Whisper checkpoint with torch
"""
