/**
 * The help texts. Pinned by a snapshot, so that a changed flag shows in a review.
 *
 * @module
 */

/** What there is help about. */
export type HelpTopic =
  | 'general'
  | 'run'
  | 'list'
  | 'check'
  | 'doctor'
  | 'absurd'
  | 'resume'
  | 'fork'
  | 'cancel'
  | 'history'
  | 'events'

/** The text for one topic, ending with a blank line once it is printed. */
export function helpText(topic: HelpTopic): string {
  return TEXTS[topic]
}

const GENERAL = `smol-wf runs agent workflows: JavaScript programs that orchestrate coding agents.

Usage:
  smol-wf run <script> [options]    Run a workflow and print its result as JSON
  smol-wf list [options]            Show the workflows that can be run by name
  smol-wf check <script…>           Say what is wrong with workflows without running them
  smol-wf doctor [options]          Say whether everything that a run needs is there
  smol-wf run <script> --durable    The same, with every step kept in a store: it outlives its process
  smol-wf resume <id> | --all       Go on with durable runs
  smol-wf fork <id>                 Start a copy of a durable run from some point on
  smol-wf cancel <id>               Cancel a durable run, from anywhere
  smol-wf history                   Show durable runs, or delete them
  smol-wf events <id>               Show what a durable run does, or has done
  smol-wf <command> --help          All options of a command
  smol-wf absurd --help             Queues of workflows, and workers that do them
  smol-wf --version                 The version of this program
  smol-wf --help                    This text

Examples:
  smol-wf list
  smol-wf run review.js
  smol-wf run review.js --args-branch main --args-strict
  smol-wf run research.js --args '{"topic":"parsers"}' --budget-allowance 50000

The result goes to stdout, progress to stderr. The exit status is 0 when the workflow succeeds, 1 when it or the
command line fails, and 130 or 143 after SIGINT or SIGTERM.
`

const RUN = `Runs a workflow in this process and prints its result as JSON.

Usage:
  smol-wf run <script> [options]

The script is a file or, where there is no such file, the name of a workflow that smol-wf list shows.

Arguments of the workflow:
  --args-<name> <value>         The text args.<name>; the same name again makes an array
  --args-<name>=<value>         The same, for values that start with --
  --args-<name>                 args.<name> = true
  --args-from-file <file>       The members of the JSON object in the file
  --args <json>                 All of args: any JSON value, instead of the three above

Options:
  --agent-provider <name>       Who answers agent calls that name no provider: claude-code, codex, opencode or pi, each
                                of which has to be installed and logged in, or debug, which makes its answers up.
                                Default: $SMOL_WF_AGENT_PROVIDER, else what the configuration says, else debug
  --config <file>               The configuration. Default: the nearest smol.config.{json,js,mjs,ts,mts}, from the
                                working directory up to the folder of the repository
  --no-config                   No configuration file; the variables SMOL_WF_… still count
  --budget-allowance <tokens>   Output tokens that the run may use. Default: $SMOL_WF_BUDGET_ALLOWANCE, else no limit
  --max-parallel-agents <n>     Agent calls at once, or none for no cap. Default: no cap for scripts with a default
                                export, else 16
  --imports relative            Lets the script import helpers from its own folder and those below it (./lib/x.js).
                                Default: none
  --durable                     Keeps every step in a store, so that smol-wf resume <id> goes on where the run was,
                                however its process has ended. The id is printed at the start
  --run-id <id>                 The id of the durable run, instead of one that is made up. If there is such a run with
                                the same script and arguments, it is taken up, or its result printed. Implies --durable
  --db <file>                   The store of durable runs. Default: $SMOL_WF_DB, else .smol/runs.db
  --global                      The store of the user instead: smol-wf/runs.db where the platform keeps state
  --synchronous <full|normal>   What a step that was kept survives: full, the loss of power; normal, the end of the
                                process. Default: full
  --no-output                   Does not keep what agents print, for smol-wf history show <id> --output <call>
  --backend <simple|absurd>     absurd runs the workflow as a task of a queue, see smol-wf absurd --help. Default: simple

Values may also follow an equals sign: --budget-allowance=50000.

Progress on stderr:
  [run] <id>                    The id of a durable run
  [phase] <name>                The workflow has entered a phase
  [log] <values>                The workflow called log(); lines of console.log and the like come without a prefix
  [agent] <label>: <reason>     An agent call failed and the workflow was given null in its place
  [warning] <message>           Something that does not fail the run

Ctrl-C cancels the run and lets the workflow clean up; a second Ctrl-C ends the process at once.
`

const LIST = `Shows the workflows that can be run by name, with smol-wf run <name> or with workflow(name) in a script.

Usage:
  smol-wf list [options]

Options:
  --all                         Also files that no name leads to, and why: an earlier one has the name, or the
                                metadata cannot be read
  --json                        An array on stdout instead of text
  --cwd <folder>                The project. Default: the working directory

Names come from meta.name. Of several workflows with one name the first is run; they are searched in this order:
  .claude/workflows, .agents/workflows, .smol/workflows of the project, then of the home folder; in each of them files
  that end in .js, .mjs, .mts, .ts, in this order, by the alphabet
`

const CHECK = `Says what is wrong with workflows, as far as that can be known without running them.

Usage:
  smol-wf check <script…> [options]

A folder stands for the .js, .mjs, .ts and .mts files directly in it that have a meta.

Options:
  --json         One JSON document on stdout instead of text: { ok, errors, warnings, files }
  --strict       Warnings count as errors
  --cwd <dir>    The project, where workflows and types of agents are found by name. Default: the working directory
  --imports relative
                 The scripts may import helpers, as with smol-wf run

Findings go to stdout, a summary to stderr. The exit status is 0 when there is no error, 1 when there is one, and 2 when
the command line is wrong. What there is to find: docs/check.md of the package.
`

const DOCTOR = `Says whether everything that a run needs is there: Node.js, the engine, git, the configuration, workflows, and the
programs behind the agent providers with their versions and logins.

Usage:
  smol-wf doctor [options]

Options:
  --json         One JSON document on stdout instead of text
  --cwd <dir>    The project. Default: the working directory

The programs are started with --version and nothing else: no prompt is sent. Whether they are logged in is read off
variables and files, without a look at what a key is worth: docs/configuration.md of the package.

The exit status is 0 when the default provider can be used, 1 when it cannot, and 2 when the command line is wrong.
`

const ABSURD = `Runs workflows as tasks of a queue in a SQLite file. Any number of workers do them; a task whose worker is lost goes on
with another one, and no answer of an agent that was recorded is asked for again.

Usage:
  smol-wf run <script> --backend absurd [options]    Queue a workflow, do it here, and print its result
  smol-wf absurd init [options]                      Create the file and the queue
  smol-wf absurd submit <script> [options]           Queue a workflow
  smol-wf absurd worker [options]                    Do tasks until Ctrl-C, then finish those under way
  smol-wf absurd work-batch [options]                Do a few tasks, one after another

All of them:
  --db <file>                   The file. Default: $SMOL_WF_ABSURD_DB (defaults to ./smol-workflows.db)
  --queue <name>                Default: default
  --task <name>                 What the tasks are called. Default: workflow.run
  --extension <file>            An extension of SQLite that version 0.1 needed. Nothing needs it any more; it must be there
                                if it is named, here or by $SMOL_WF_ABSURD_EXTENSION, $ABSURD_DATABASE_EXTENSION_PATH
                                (built: target/release/libabsurd.<ext>) or $ABSURD_SQLITE_EXTENSION_PATH

Options of submit, and of run:
  --args-<name>, --args …       Arguments of the workflow, as with smol-wf run
  --idempotency-key <text>      A task that was queued with the same key is taken in place of a new one
  --max-attempts <n>            How often the task is begun at most. Default: 5
  --budget-allowance <tokens>   Output tokens that the workflow may use
  --agent-provider <name>       Who answers agent calls that name no provider; of submit: whatever the worker says

Options of worker:
  --concurrency <n>             Tasks at once. Default: 1
  --poll-interval <seconds>     How often an empty queue is looked at. Default: 0.25

Options of work-batch, and of run:
  --batch-size <n>              How many tasks. Default: 1

Options of worker, work-batch and run:
  --claim-timeout <seconds>     How long a worker may be silent before another one takes its tasks; it is not while it lives.
                                Default: 120
  --worker-id <text>            What the worker is called
  --agent-provider, --config, --no-config
                                As with smol-wf run

Options of run:
  --timeout <ms>                How long to wait for the result. Default: 60000
  --poll-interval <ms>          Default: 250

Examples:
  smol-wf absurd init
  smol-wf absurd submit review.js --args-branch main --idempotency-key main
  smol-wf absurd worker --concurrency 4 --agent-provider claude-code

Tasks that fail are told on stderr. The script of a task is a path in the working directory of its worker.
`

const STORE = `  --db <file>                   The store. Default: $SMOL_WF_DB, else .smol/runs.db
  --global                      The store of the user: smol-wf/runs.db in $XDG_STATE_HOME or ~/.local/state, in
                                ~/Library/Application Support (macOS), in %LOCALAPPDATA% (Windows)
`

const RESUME = `Goes on with a durable run whose process has ended, and prints its result as JSON. What is in its journal is not done
again.

Usage:
  smol-wf resume <id> [options]
  smol-wf resume --all [options]    All runs whose processes are gone, and suspended ones whose time has come. Prints a
                                    line of JSON for each: { id, status, result } or { id, status, error }

Options:
  --source <file>               Goes on with a changed script
  --drift <mode>                What becomes of calls that are not what the journal says. fail: the run stops, and
                                nothing is lost; match: any recorded answer to an equal call is taken, all else runs;
                                prefix: the first different call and all after it run. Default: prefix with --from,
                                match with --source or --retry-failed, else fail
  --from <call|phase>           Does the run again from there, over or not: from the call of that number, or from the
                                first call of that phase. smol-wf events <id> --json shows both
  --retry-failed                Takes up a run that has failed or was cancelled: what has failed runs again
${STORE}  --synchronous <full|normal>   As with smol-wf run
  --agent-provider <name>       As with smol-wf run; it is not kept with the run, nor are the next two
  --config <file>               The configuration
  --no-config                   No configuration file; the variables SMOL_WF_… still count
  --budget-allowance <tokens>   Default: as the run began
  --max-parallel-agents <n>     Default: as the run began

Ctrl-C cancels the run, as with smol-wf run.
`

const FORK = `Starts a copy of a durable run, and prints its result as JSON. What the run has done is taken over, and not done again;
the run itself stays as it is.

Usage:
  smol-wf fork <id> [options]

Options:
  --from <call|phase>           Takes over what was there before that call, by its number, or before the first call of
                                that phase. Default: everything that has succeeded
  --run-id <id>                 The id of the copy, instead of one that is made up
  --args-<name> <value>         Other arguments, as with smol-wf run, instead of those of the run
  --source <file>               With a changed script
  --drift <mode>                As with smol-wf resume. Default: prefix with --from, else match
${STORE}  --synchronous <full|normal>   As with smol-wf run
  --agent-provider <name>       As with smol-wf run
  --config <file>               The configuration
  --no-config                   No configuration file; the variables SMOL_WF_… still count
  --budget-allowance <tokens>   Default: as the run began
  --max-parallel-agents <n>     Default: as the run began
`

const CANCEL = `Asks the process that is at work on a durable run to cancel it. The workflow may clean up.

Usage:
  smol-wf cancel <id> [options]

Options:
  --reason <text>               Why; smol-wf history show <id> shows it. Default: user
${STORE}`

const HISTORY = `Shows durable runs, the newest first, or deletes them.

Usage:
  smol-wf history [options]
  smol-wf history show <id> [--json]
  smol-wf history show <id> --output <call> [--json]
  smol-wf history delete <id…> [--dry-run]
  smol-wf history delete [--status <status>] [--before <time>] [--name <workflow>] [--dry-run]

Options:
  --status <status>             Only those that are queued, running, suspended, cancelling, completed, failed or
                                cancelled; several with commas
  --name <workflow>             Only those of the workflow with that meta.name
  --since <time>                Only those started since
  --limit <n>                   At most so many
  --json                        JSON instead of text
${STORE}
Options of show:
  --output <call>               What the agent of that call has printed, attempt by attempt. The number of the call is
                                that of smol-wf events <id> --json

Options of delete:
  --before <time>               Those finished before
  --dry-run                     Only says what would be deleted

A time is a duration before now (30s, 90m, 12h, 7d, 2w) or a date (2026-01-31, 2026-01-31T18:30). Runs that somebody is
at work on are not deleted.
`

const EVENTS = `Shows what a durable run does, or has done: the lines that smol-wf run shows on stderr.

Usage:
  smol-wf events <id> [options]

Options:
  --follow                      Waits for more until the run is over
  --from <n>                    Begins with the event of that number. Default: 1
  --json                        All events, a line of JSON for each
${STORE}`

const TEXTS: Readonly<Record<HelpTopic, string>> = {
  general: GENERAL,
  run: RUN,
  list: LIST,
  check: CHECK,
  doctor: DOCTOR,
  absurd: ABSURD,
  resume: RESUME,
  fork: FORK,
  cancel: CANCEL,
  history: HISTORY,
  events: EVENTS,
}
