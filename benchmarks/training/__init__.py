"""Proofs about training: whether what the trainer offers helps, by how much, and how sure that is."""
