"""Prepares a corpus on disk: reads recordings and transcripts, filters, splits and cuts them into clips."""
