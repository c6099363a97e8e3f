"""Reads radio stations for as long as they are registered, shared among the ingest processes."""
