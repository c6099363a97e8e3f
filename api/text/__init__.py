"""Captions as cues, files and playlists, and corrected ones. Pure: functions of captions alone."""
