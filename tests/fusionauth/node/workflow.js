'use strict';
// Complete workflows: every step that an app's backend takes through the client, and what ends by each.
// The program of the same name for Python makes the same checks.

const steps = [
  require('./workflow/logins.js'),
  require('./workflow/refreshes.js'),
  require('./workflow/tokens.js'),
  require('./workflow/revocations.js'),
  require('./workflow/logouts.js'),
  require('./workflow/passwords.js'),
  require('./workflow/ends.js'),
];
const { World } = require('./workflow/world.js');

module.exports = async () => {
  const world = await World.made();
  for (const step of steps) {
    await step(world);
  }
};
