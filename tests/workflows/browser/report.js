'use strict';
// What the program tells whoever started it: a line for each thing that it saw, and what it asks for meanwhile.

const readline = require('node:readline');

let failed = 0;
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Looks at one thing and tells whether it is as it should be. The walk goes on in either case. */
async function see(name, look) {
  try {
    await look();
    console.log(`ok ${name}`);
  } catch (error) {
    tellFailure(name, error);
  }
}

/** The same where the walk cannot go on without it. */
async function must(name, act) {
  const found = await act();
  console.log(`ok ${name}`);
  return found;
}

function tellFailure(name, error) {
  failed += 1;
  console.log(`FAILED ${name}; ${String(error.message).split('\n').join(' | ')}`);
}

/** What is worth knowing and fails nothing. */
function note(text) {
  console.log(`note ${text}`);
}

/** Asks for what only the other side can do, such as stopping the server, and waits until it is done. */
async function please(what) {
  console.log(`please ${what}`);
  const { value } = await answers.next();
  if (value !== 'done') {
    throw new Error(`"please ${what}" was answered with ${value}`);
  }
}

/** Whether all was as it should be. Nothing is read any more. */
function end() {
  process.stdin.destroy();
  return failed === 0;
}

module.exports = { end, must, note, please, see, tellFailure };
