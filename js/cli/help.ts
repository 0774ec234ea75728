/**
 * The help texts. Pinned by a snapshot, so that a changed flag shows in a review.
 *
 * @module
 */

/** What there is help about. */
export type HelpTopic = 'general' | 'run' | 'list' | 'check' | 'doctor' | 'absurd'

/** The text for one topic, ending with a blank line once it is printed. */
export function helpText(topic: HelpTopic): string {
  return TEXTS[topic]
}

const GENERAL = `smol-wf runs agent workflows: JavaScript programs that orchestrate coding agents.

Usage:
  smol-wf run <script> [options]    Run a workflow and print its result as JSON
  smol-wf run --help                All options of run
  smol-wf list [options]            Show the workflows that can be run by name
  smol-wf check <script…>           Say what is wrong with workflows without running them
  smol-wf check --help              All options of check
  smol-wf doctor [options]          Say whether everything that a run needs is there
  smol-wf absurd --help             About the durable backend
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
  --backend simple              The only backend of this version, and the default

Values may also follow an equals sign: --budget-allowance=50000.

Progress on stderr:
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

const ABSURD = `The durable absurd backend is not part of this version. Its commands are reserved and end with an error:

  smol-wf run <script> --backend absurd
  smol-wf absurd init
  smol-wf absurd submit <script>
  smol-wf absurd worker
  smol-wf absurd work-batch
`

const TEXTS: Readonly<Record<HelpTopic, string>> = { general: GENERAL, run: RUN, list: LIST, check: CHECK, doctor: DOCTOR, absurd: ABSURD }
