"""Self-contained HTML reports: of a corpus, a run, several runs, an evaluation, and of augmentation, with audio."""
