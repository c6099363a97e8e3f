"""The archive: the captions of stations and uploads, kept on disk for days, with full-text search.

Redis keeps the last hours of a station, for viewers. The archive is a copy of every final caption in SQLite's full-text
index (FTS5), which is part of Python: `copying` follows the caption logs, `store` stores and searches, `query` parses
what a person types. `rows` reads a station's captions back in order, and `merging` adds those that are only in the log
so far. A search server would be one more service to install, and would find the same words.
"""
