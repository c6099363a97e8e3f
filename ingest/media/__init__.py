"""Encoded audio: probes it, decodes it with ffmpeg, and reads the frames of MP3 and AAC."""
