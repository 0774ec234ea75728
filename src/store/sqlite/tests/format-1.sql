-- A store as an engine of format 1 has left it: never to be changed, so that every later format is tried on it.
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN;
CREATE TABLE owners (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  owner INTEGER,
  lease_until INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  finished_at INTEGER,
  wake_at INTEGER,
  cancel_at INTEGER,
  cancel_reason TEXT,
  spent REAL NOT NULL DEFAULT 0,
  fork_of TEXT,
  source_hash BLOB NOT NULL,
  args_hash BLOB NOT NULL,
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
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  call INTEGER,
  body ANY NOT NULL
) STRICT;

CREATE TABLE blobs (
  number INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE blob_uses (
  blob INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (blob, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_uses_by_run ON blob_uses (run);

CREATE TABLE processes (
  run INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  pgid INTEGER NOT NULL,
  marker TEXT NOT NULL,
  PRIMARY KEY (run, pid, start_time)
) STRICT, WITHOUT ROWID;

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
INSERT INTO owners (number, pid, host) VALUES (4, 12345, 'somewhere');
INSERT INTO blobs (number, hash, body) VALUES
  (1, x'3f63bb18f787db4481d349c5aa28f26cd8fb1f7c01705b851e34464beb9ea0a0', CAST('{"name":"flow.js","text":"return 1\n","files":{"./lib.js":"export const one = 1\n"}}' AS BLOB)),
  (2, x'f6aded27d6860380436f8521caa75568b9504f97b8927dceb41de307362e8cd7', CAST('"' || replace(hex(zeroblob(2500)), '0', 'x') || '"' AS BLOB));
INSERT INTO blob_uses (blob, run) VALUES (1, 1), (2, 1);
INSERT INTO runs (number, id, name, status, epoch, owner, lease_until, created_at, updated_at, spent, source_hash, args_hash, source, args, options)
VALUES (1, 'old', 'flow', 'running', 2, 4, 9000000000000, 100, 200, 1.5,
  x'cb920701c81d9e439d0d2ac5b1f45a7b25f8b6693a3be726efd406fa9879b115', x'0c07187ea6d064441225b3cba26a7b1e8bc702fcf332b457dae8e26892ba68a6', 1, '{"count":3}', '{}');
INSERT INTO entries (place, at, kind, call, body) VALUES
  (4294967297, 1001, 'call.ended', NULL, '123'),
  (4294967298, 1002, 'call.ended', 1, 2),
  (4294967299, 1003, 'call.ended', NULL, '{"n":3}');
PRAGMA application_id = 1397575500;
PRAGMA user_version = 1;
COMMIT;
PRAGMA journal_mode = WAL;
