"""Hyperparameter search over the options of `train`: the trials of a study run here or on shared workers."""
