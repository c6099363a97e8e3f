"""The archive: what stations and uploads said, for days, on disk, and found again by its words.

Redis keeps the last hours of a station, for those who watch. The archive is a copy of every final caption in SQLite's
full-text index (FTS5), which comes with Python: `copying` follows the caption logs, `store` keeps and finds, `query`
understands what a person types. What a station said in some hour is read back with `rows`, and `merging` adds what only
the log has yet. A search server would be one more service to install, and would find the same words.
"""
