"""Readers of sources: Common Voice releases, manifests, folders of recordings, Hugging Face datasets."""
