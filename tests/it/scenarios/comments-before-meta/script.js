#!/usr/bin/env claude-workflow
// SPDX-License-Identifier: MIT
/*
 * Changelog writer.
 *
 * export const meta = { name: 'not this one', description: 'it is inside a comment' }
 * Do not call Date.now() or Math.random() here; pass `args.since` instead.
 */
/** @type {import('./types').Meta} */
'use strict'
// export default nothing
export const meta = {
  // what it is called
  name: 'comments-before-meta', /* inline */
  description: 'Starts with a licence and a lot of talk', // trailing
  whenToUse: 'before a release',
}
/* a regular expression that looks like a comment: */ const url = /https?:\/\/[^/]+\/*/
// a string that looks like one: '/*'
const glob = 'src/**/*.js' // */ "
const text = await agent(`Write the changelog for ${glob}`)
return { text, isUrl: url.test('https://example.com/x'), self: typeof this, meta: Object.keys(meta) }
