"""HTML pages that fetch nothing: of a corpus, a run, several runs, an evaluation; to be read, and to be listened to."""
