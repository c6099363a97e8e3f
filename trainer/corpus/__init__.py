"""Recordings and what is said in them become one corpus on disk: read, judged, split, cut into clips."""
