"""The tables of the archive's file, and the migrations from earlier versions."""

from __future__ import annotations

import sqlite3

# A row of `captions` is indexed under its own number: `said`, whose first `own` characters are the caption's,
# followed by the first words of the next caption; and `place`, its source and language, so that a search in one
# station does not read the matches of all others. When a source's log starts again (Redis has lost it), the source
# gets another life; a caption that is then committed again, with the same id and time, moves into that life.
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

# For reading in order: `gap` is the reason for lost audio, and NULL for speech; `heard` has the words' times, `model`
# the model's name. Rows of the version before have neither, and gaps were not stored.
_READ = """
ALTER TABLE captions ADD COLUMN gap TEXT;
ALTER TABLE captions ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE captions ADD COLUMN heard TEXT NOT NULL DEFAULT '[]';
CREATE INDEX captions_in_order ON captions (source, said_s, id);
"""

# If Redis restarted with older data, the version before stored the captions that were then committed again twice.
_ONCE = """
DELETE FROM captions WHERE source IN (SELECT source FROM copied WHERE life > 1) AND EXISTS (
    SELECT 1 FROM captions AS again INDEXED BY captions_in_order
    WHERE again.source = captions.source AND again.said_s = captions.said_s AND again.id = captions.id
    AND again.life > captions.life AND again.text = captions.text
);
"""

# Whether a person wrote the text, for training. Unknown of rows of the version before.
_CORRECTED = "ALTER TABLE captions ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0;"

# The revision, so that concurrent corrections are detected, and when a person wrote the text, if one did.
_REVISED = """
ALTER TABLE captions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE captions ADD COLUMN changed_s REAL NOT NULL DEFAULT 0;
"""

# The first and the last row of what was said in each hour since 1970, for a search in a period, which reads only the
# entries of the index between them. They are bounds: rows may have been deleted, and those of other hours lie between.
_HOURS = """
CREATE TABLE hours (hour INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
WITH RECURSIVE known(hour) AS (
    SELECT CAST(min(said_s) / 3600 AS INTEGER) FROM captions
    UNION ALL
    SELECT (SELECT CAST(min(said_s) / 3600 AS INTEGER) FROM captions WHERE said_s >= 3600 * (hour + 1)) AS next
    FROM known WHERE next IS NOT NULL
)
INSERT INTO hours SELECT hour,
    (SELECT min(row) FROM captions INDEXED BY captions_said WHERE said_s >= 3600 * hour AND said_s < 3600 * (hour + 1)),
    (SELECT max(row) FROM captions INDEXED BY captions_said WHERE said_s >= 3600 * hour AND said_s < 3600 * (hour + 1))
FROM known WHERE hour IS NOT NULL;
CREATE TRIGGER hours_in AFTER INSERT ON captions BEGIN
    INSERT INTO hours VALUES (CAST(new.said_s / 3600 AS INTEGER), new.row, new.row)
    ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last);
END;
CREATE TRIGGER hours_changed AFTER UPDATE OF said_s ON captions BEGIN
    INSERT INTO hours VALUES (CAST(new.said_s / 3600 AS INTEGER), new.row, new.row)
    ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last);
END;
"""

#: The migration from each version to the next.
_STEPS = (_SEARCHED, _READ, _ONCE, _CORRECTED, _REVISED, _HOURS)


def prepare(db: sqlite3.Connection) -> None:
    """Create the tables, or migrate those of an earlier version.

    Raises:
        sqlite3.DatabaseError: the file is not a database, or was written by a later version.
    """
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version > len(_STEPS):
        raise sqlite3.DatabaseError(f"written by another version ({version}); move it away to start a new one")
    for number, step in enumerate(_STEPS[version:], start=version + 1):
        db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
