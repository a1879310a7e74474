'use strict';
// Walks through the store and the forums of one of the web apps in a real browser, without a mouse. What it needs to know is in
// the environment: see `told`. It prints a line for each thing that it saw, and asks on standard output, one line `please …`,
// for what a person before a browser cannot do; `done` on standard input says that it was done.

const { withBrowser } = require('./chromium.js');
const { post } = require('./forums.js');
const { wait } = require('./lifetimes.js');
const { suffer } = require('./outage.js');
const report = require('./report.js');
const { shop } = require('./store.js');
const { Visitor } = require('./visitor.js');

function env(name) {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`the environment variable ${name} is missing`);
  }
  return value;
}

const told = {
  // Where the app listens on 127.0.0.1.
  port: env('APP_PORT'),
  // The cookie beside refresh_token: `session` or `jwt`.
  cookie: env('APP_COOKIE'),
  // Whether the refresh token is never replaced.
  asDocumented: env('APP_AS_DOCUMENTED') === 'yes',
  // How long after its last use a session of the app's own ends.
  sessionSeconds: Number(env('APP_SESSION_SECONDS')),
  login: env('LOGIN'),
  password: env('PASSWORD'),
  // A folder for screenshots, and what their names begin with.
  screenshots: env('SCREENSHOTS'),
  prefix: env('SCREENSHOTS_PREFIX'),
};

async function visit(driver) {
  const browserVersion = (await driver.getCapabilities()).getBrowserVersion();
  report.note(`Chromium ${browserVersion}`);
  report.note(`user agent ${await driver.executeScript('return navigator.userAgent')}`);
  const alice = new Visitor(driver, told);
  try {
    await shop(alice);
    await post(alice);
    await wait(alice);
    await suffer(alice);
  } catch (error) {
    await alice.page.picture('broken-off');
    const where = `at ${await driver.getCurrentUrl()}: ${await alice.text()}`;
    throw new Error(`${error.message}\n${where}`, { cause: error });
  }
}

withBrowser(visit)
  .catch((error) => report.tellFailure('the walk goes to its end', error))
  .finally(() => {
    process.exitCode = report.end() ? 0 : 1;
  });
