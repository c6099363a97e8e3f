"""Decodes uploads and files on other servers into chunks, as RQ jobs."""
