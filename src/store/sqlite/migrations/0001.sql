-- Format 1. Times are milliseconds since 1970.
--
-- A "text" is JSON or a source, in one of two forms: TEXT is the text itself, an INTEGER the number of the blob that
-- holds it. Short ones stand where they belong, long ones are kept once, however many runs share them.

-- Everybody who has opened the store for writing. Each holds a lock on a file of its number as long as it lives.
CREATE TABLE owners (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  -- Never used again, so that no lease of a deleted run fits another one.
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  owner INTEGER,
  lease_until INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- Of this row; the last entry may be younger.
  updated_at INTEGER NOT NULL,
  finished_at INTEGER,
  wake_at INTEGER,
  cancel_at INTEGER,
  cancel_reason TEXT,
  spent REAL NOT NULL DEFAULT 0,
  fork_of TEXT,
  -- By these two it is told whether a run with the same id is the same run.
  source_hash BLOB NOT NULL,
  args_hash BLOB NOT NULL,
  -- Texts.
  source ANY NOT NULL,
  args ANY,
  options ANY NOT NULL,
  blocked_on ANY,
  report ANY,
  result ANY,
  error ANY
) STRICT;

CREATE INDEX runs_by_status ON runs (status);
CREATE INDEX runs_by_wake ON runs (wake_at) WHERE status = 'suspended';
CREATE INDEX runs_by_cancel ON runs (number) WHERE cancel_at IS NOT NULL AND finished_at IS NULL;
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;

CREATE TABLE entries (
  -- The number of the run times 2^32, plus the `seq` of the entry: one tree, in which each run grows at one place, and
  -- no index beside it.
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  call INTEGER,
  -- A text.
  body ANY NOT NULL
) STRICT;

CREATE TABLE blobs (
  number INTEGER PRIMARY KEY,
  -- SHA-256 of the body.
  hash BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL
) STRICT;

-- Which run needs which blob. Runs are deleted as a whole, so nothing finer is counted.
CREATE TABLE blob_uses (
  blob INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (blob, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_uses_by_run ON blob_uses (run);

-- The processes that work for runs.
CREATE TABLE processes (
  run INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  pgid INTEGER NOT NULL,
  marker TEXT NOT NULL,
  PRIMARY KEY (run, pid, start_time)
) STRICT, WITHOUT ROWID;

-- For people with a SQLite shell; the engine does not use it.
CREATE VIEW journal AS
SELECT
  runs.id AS run,
  entries.place & 4294967295 AS seq,
  entries.at,
  entries.kind,
  entries.call,
  CASE typeof(entries.body)
    WHEN 'integer' THEN (SELECT CAST(blobs.body AS TEXT) FROM blobs WHERE blobs.number = entries.body)
    ELSE entries.body
  END AS body
FROM entries JOIN runs ON runs.number = entries.place >> 32;
