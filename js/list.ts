/**
 * The workflows that can be run by name: what `workflow(name)` and `smol-wf run <name>` find.
 *
 * @module
 */

import { resolve } from 'node:path'

import { fromNativeThrow } from './errors.js'
import { listWorkflows as listNatively } from './native.js'
import { checkListOptions } from './options.js'
import type { WorkflowMetadata } from './workflow-types.js'

/** Where to look for workflows. */
export type ListWorkflowsOptions = {
  /** The project. Default: the working directory of the process. */
  cwd?: string
}

/** A file in a folder of workflows. */
export type WorkflowListingPlace = {
  /** The file; for a folder that cannot be read the folder. Absolute. */
  path: string
  /** The folder of workflows that it was found in. Absolute. */
  folder: string
  /** Whether that is a folder of the project or of the user. */
  scope: 'project' | 'home'
}

/** One file that looks like a workflow, and what its name leads to. */
export type WorkflowListing =
  /** The name leads to this file. */
  | ({ status: 'available' } & WorkflowMetadata & WorkflowListingPlace)
  /** The name leads to the file `shadowedBy`, which is searched before this one. */
  | ({ status: 'shadowed'; shadowedBy: string } & WorkflowMetadata & WorkflowListingPlace)
  /** No name leads to this file, for this reason. */
  | ({ status: 'skipped'; reason: string } & WorkflowListingPlace)

/** What is in the folders of workflows, and which folders these are, there or not. */
export type WorkflowLibrary = { folders: string[]; files: WorkflowListing[] }

/**
 * Lists the workflows that can be run by name: in `.claude/workflows`, `.agents/workflows` and `.smol/workflows` of the
 * project, then of the home folder, in the order in which they are searched. Files that no name leads to are in the
 * list too, with the reason. Runs nothing.
 *
 * Rejects with a {@link WorkflowError} for unknown options.
 */
export async function listWorkflows(options: ListWorkflowsOptions = {}): Promise<WorkflowListing[]> {
  checkListOptions(options)
  return (await readLibrary(options.cwd)).files
}

/** What {@link listWorkflows} lists, with the folders. */
export async function readLibrary(cwd: string | undefined): Promise<WorkflowLibrary> {
  try {
    return JSON.parse(await listNatively(resolve(cwd ?? '.'))) as WorkflowLibrary
  } catch (error) {
    throw fromNativeThrow(error)
  }
}
