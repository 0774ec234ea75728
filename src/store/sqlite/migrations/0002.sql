-- Format 2: queues of tasks. Times are milliseconds since 1970; JSON is text.

CREATE TABLE task_queues (
  name TEXT NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  queue TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  params TEXT NOT NULL,
  headers TEXT,
  retry TEXT,
  max_attempts INTEGER NOT NULL,
  -- In milliseconds.
  max_delay INTEGER,
  max_duration INTEGER,
  idempotency_key TEXT,
  created_at INTEGER NOT NULL,
  -- When it was claimed for the first time.
  first_started_at INTEGER,
  finished_at INTEGER,
  result TEXT
) STRICT;

CREATE UNIQUE INDEX tasks_by_key ON tasks (queue, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_with_limits ON tasks (queue)
  WHERE finished_at IS NULL AND (max_delay IS NOT NULL OR max_duration IS NOT NULL);

-- The attempts of tasks.
CREATE TABLE task_runs (
  -- In the order in which they were made.
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  task INTEGER NOT NULL,
  queue TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  -- As that of its task, but for `failed`, after which the task may have another attempt.
  state TEXT NOT NULL,
  -- From when on it may be claimed. NULL: when its event happens.
  available_at INTEGER,
  -- How often it was claimed.
  claim INTEGER NOT NULL DEFAULT 0,
  -- Who has it while it is running: the number of the open store (see `owners`), and what the worker calls itself.
  owner INTEGER,
  worker TEXT,
  claimed_until INTEGER,
  wake_event TEXT,
  event_payload TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  error TEXT
) STRICT;

CREATE INDEX task_runs_waiting ON task_runs (queue, available_at, number) WHERE state IN ('pending', 'sleeping');
CREATE INDEX task_runs_claimed ON task_runs (queue, claimed_until) WHERE state = 'running';
CREATE INDEX task_runs_by_task ON task_runs (task, attempt);

-- The outcomes of steps.
CREATE TABLE task_checkpoints (
  number INTEGER PRIMARY KEY,
  task INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  -- The attempt that has written it.
  run INTEGER NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (task, name)
) STRICT;

CREATE TABLE task_events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  name TEXT NOT NULL,
  payload TEXT NOT NULL,
  -- The id of the task that has told it.
  task TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX task_events_by_name ON task_events (queue, name, number);
CREATE INDEX task_events_by_task ON task_events (task, number) WHERE task IS NOT NULL;

-- Which attempt waits for which event.
CREATE TABLE task_waits (
  run INTEGER NOT NULL,
  step TEXT NOT NULL,
  queue TEXT NOT NULL,
  event TEXT NOT NULL,
  -- NULL: for ever.
  until INTEGER,
  -- It has woken since the time was over.
  timed_out INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_waits_by_event ON task_waits (queue, event);
