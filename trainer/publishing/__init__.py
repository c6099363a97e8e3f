"""Publish a run's best checkpoint as a folder that transformers can load, with its evaluation results."""
