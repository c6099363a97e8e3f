"""Experiments on the trainer's features: whether each one helps, by how much, and with what confidence."""
