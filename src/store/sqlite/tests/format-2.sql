-- What an engine of format 2 has left in a store, on top of format-1.sql: never to be changed, so that every later format is
-- tried on it.
BEGIN;
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
  max_delay INTEGER,
  max_duration INTEGER,
  idempotency_key TEXT,
  created_at INTEGER NOT NULL,
  first_started_at INTEGER,
  finished_at INTEGER,
  result TEXT
) STRICT;

CREATE UNIQUE INDEX tasks_by_key ON tasks (queue, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_with_limits ON tasks (queue)
  WHERE finished_at IS NULL AND (max_delay IS NOT NULL OR max_duration IS NOT NULL);

CREATE TABLE task_runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  task INTEGER NOT NULL,
  queue TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL,
  available_at INTEGER,
  claim INTEGER NOT NULL DEFAULT 0,
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

CREATE TABLE task_checkpoints (
  number INTEGER PRIMARY KEY,
  task INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  run INTEGER NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (task, name)
) STRICT;

CREATE TABLE task_events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  name TEXT NOT NULL,
  payload TEXT NOT NULL,
  task TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX task_events_by_name ON task_events (queue, name, number);
CREATE INDEX task_events_by_task ON task_events (task, number) WHERE task IS NOT NULL;

CREATE TABLE task_waits (
  run INTEGER NOT NULL,
  step TEXT NOT NULL,
  queue TEXT NOT NULL,
  event TEXT NOT NULL,
  until INTEGER,
  timed_out INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_waits_by_event ON task_waits (queue, event);

INSERT INTO task_queues (name, created_at) VALUES ('q', 1);
INSERT INTO tasks (number, id, queue, name, state, params, headers, retry, max_attempts, max_delay, max_duration,
  idempotency_key, created_at, first_started_at, finished_at, result) VALUES
  (1, '00000000-0001-7000-8000-000000000001', 'q', 't', 'completed', '{"n":1}', NULL, NULL, 5, NULL, NULL, 'k', 10, 11, 14, '[1]'),
  (2, '00000000-0002-7000-8000-000000000002', 'q', 't', 'sleeping', '{"n":2}', '{"h":"x"}', NULL, 5, NULL, NULL, NULL, 20, 21, NULL, NULL),
  (3, '00000000-0003-7000-8000-000000000003', 'q', 't', 'running', '{"n":3}', NULL,
    '{"kind":"exponential","baseSeconds":1.0}', 5, 1000, 9000000, NULL, 30, 31, NULL, NULL);
INSERT INTO task_runs (number, id, task, queue, attempt, state, available_at, claim, owner, worker, claimed_until,
  wake_event, event_payload, started_at, ended_at, error) VALUES
  (1, '00000000-0001-7000-8000-000000000011', 1, 'q', 1, 'failed', NULL, 1, NULL, 'w', NULL, NULL, NULL, 11, 12, '{"message":"x"}'),
  (2, '00000000-0001-7000-8000-000000000012', 1, 'q', 2, 'completed', NULL, 1, NULL, 'w', NULL, NULL, NULL, 13, 14, NULL),
  (3, '00000000-0002-7000-8000-000000000021', 2, 'q', 1, 'sleeping', NULL, 2, NULL, 'w', NULL, NULL, NULL, 21, NULL, NULL),
  (4, '00000000-0003-7000-8000-000000000031', 3, 'q', 1, 'running', 30, 1, 4, 'w', 9000000000000, NULL, NULL, 31, NULL, NULL);
INSERT INTO task_checkpoints (number, task, name, state, run, at) VALUES (1, 2, 's', '{"output":1}', 3, 22);
INSERT INTO task_events (number, queue, name, payload, task, at) VALUES
  (1, 'q', 'workflow.log', '{"values":[1]}', '00000000-0002-7000-8000-000000000002', 22);
INSERT INTO task_waits (run, step, queue, event, until, timed_out) VALUES (3, '$awaitEvent:go', 'q', 'go', NULL, 0);
PRAGMA user_version = 2;
COMMIT;
