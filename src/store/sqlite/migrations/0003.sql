-- Format 3: what agents have printed. Times are milliseconds since 1970.

CREATE TABLE outputs (
  number INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  -- The `seq` of the entry with which the attempt began. In a copy of a run that has no such entry: of another one of
  -- the same call.
  seq INTEGER NOT NULL,
  call INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  -- When the attempt was over.
  at INTEGER NOT NULL,
  -- A text.
  body ANY NOT NULL
) STRICT;

CREATE UNIQUE INDEX outputs_by_run ON outputs (run, seq, attempt);
