#!/usr/bin/env node
/**
 * The executable `smol-wf`. What it does is in `cli/`.
 *
 * @module
 */

import { main } from './cli/main.js'

await main(process.argv.slice(2))
