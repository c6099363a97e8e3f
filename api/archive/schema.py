"""The tables of the archive's file, and how a file of an earlier version gets those of today."""

from __future__ import annotations

import sqlite3

# A row of `captions` is indexed under its own number: `said`, of which `own` characters are the caption's, and the
# first words of the next come behind; and `place`, its source and language, so that who asks for one station's words
# does not wade through all others'. A source whose log began anew (Redis has lost it) has another life; a caption
# that it says again, of the same number and time, is taken along into that.
_SEARCHED = """
CREATE TABLE captions (
    row INTEGER PRIMARY KEY,
    source TEXT NOT NULL, life INTEGER NOT NULL, id INTEGER NOT NULL,
    said_s REAL NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL,
    language TEXT, text TEXT NOT NULL,
    own INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '', place TEXT NOT NULL DEFAULT '',
    UNIQUE (source, life, id)
);
CREATE INDEX captions_said ON captions (said_s);
CREATE TABLE copied (
    source TEXT PRIMARY KEY, life INTEGER NOT NULL, event INTEGER NOT NULL, committed_s REAL NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5(
    said, place, content='captions', content_rowid='row', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER captions_in AFTER INSERT ON captions BEGIN
    INSERT INTO words(rowid, said, place) VALUES (new.row, new.said, new.place);
END;
CREATE TRIGGER captions_out AFTER DELETE ON captions BEGIN
    INSERT INTO words(words, rowid, said, place) VALUES ('delete', old.row, old.said, old.place);
END;
CREATE TRIGGER captions_changed AFTER UPDATE OF said, place ON captions BEGIN
    INSERT INTO words(words, rowid, said, place) VALUES ('delete', old.row, old.said, old.place);
    INSERT INTO words(rowid, said, place) VALUES (new.row, new.said, new.place);
END;
"""

# What a source said can be read in order, too: `gap` says why audio was lost, and is NULL where something was said;
# `heard` has the words' times, `model` who heard them. Rows of the version before have neither, and gaps were not kept.
_READ = """
ALTER TABLE captions ADD COLUMN gap TEXT;
ALTER TABLE captions ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE captions ADD COLUMN heard TEXT NOT NULL DEFAULT '[]';
CREATE INDEX captions_in_order ON captions (source, said_s, id);
"""

# Where Redis came back as it was before, the version before kept what it said again as another caption.
_ONCE = """
DELETE FROM captions WHERE source IN (SELECT source FROM copied WHERE life > 1) AND EXISTS (
    SELECT 1 FROM captions AS again INDEXED BY captions_in_order
    WHERE again.source = captions.source AND again.said_s = captions.said_s AND again.id = captions.id
    AND again.life > captions.life AND again.text = captions.text
);
"""

# Whether a person wrote the text: who trains a model on it must know. Of rows of the version before nobody does.
_CORRECTED = "ALTER TABLE captions ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0;"

# Which revision it is: of two who correct it, one must know of the other. When a person wrote it, if one did.
_REVISED = """
ALTER TABLE captions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE captions ADD COLUMN changed_s REAL NOT NULL DEFAULT 0;
"""

#: What each version adds to the one before.
_STEPS = (_SEARCHED, _READ, _ONCE, _CORRECTED, _REVISED)


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables, or what an earlier version's file lacks of them.

    Raises:
        sqlite3.DatabaseError: the file is none, or a later version's.
    """
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version > len(_STEPS):
        raise sqlite3.DatabaseError(f"written by another version ({version}); move it away to begin a new one")
    for number, step in enumerate(_STEPS[version:], start=version + 1):
        db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
