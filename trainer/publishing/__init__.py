"""A run's best checkpoint becomes a folder that anyone's transformers loads, and that says how good it is."""
