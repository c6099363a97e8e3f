"""Captions reach people and programs."""
