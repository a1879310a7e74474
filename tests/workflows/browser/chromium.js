'use strict';
// A browser of its own: Debian's Chromium behind Debian's chromedriver. Nothing of either is left afterwards.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { Builder, logging } = require('selenium-webdriver');
const chrome = require('selenium-webdriver/chrome');

const CHROMIUM = '/usr/bin/chromium';
const CHROMEDRIVER = '/usr/bin/chromedriver';

const FLAGS = [
  '--headless',
  // Its sandbox wants user namespaces, which a container rarely has. It sees no page but ours.
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  // Two names on this machine, and no others: whatever else it would like to ask, it cannot.
  '--host-resolver-rules=MAP store.example.com 127.0.0.1, MAP forums.example.com 127.0.0.1, MAP * ~NOTFOUND',
];

/** Starts chromedriver at a port that it picks itself, so that two of them never want the same one. */
async function startDriver(home) {
  const env = { ...process.env, HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  for (const name of Object.keys(env).filter((name) => /_proxy$/i.test(name))) {
    delete env[name];
  }
  // In a process group of its own, so that whatever is left of the browser can be ended with it.
  const child = spawn(CHROMEDRIVER, ['--port=0'], { env, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const port = /started successfully on port (\d+)/.exec(line);
    if (port) {
      child.stdout.resume();
      return { child, url: `http://127.0.0.1:${port[1]}` };
    }
  }
  throw new Error(`${CHROMEDRIVER} did not start`);
}

async function connect(url, home) {
  const options = new chrome.Options().setChromeBinaryPath(CHROMIUM);
  options.addArguments(...FLAGS, `--user-data-dir=${path.join(home, 'profile')}`);
  const logs = new logging.Preferences();
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL);
  options.setLoggingPrefs(logs);
  // By its URL, selenium neither looks for a driver nor fetches one.
  const builder = new Builder().disableEnvironmentOverrides().usingServer(url);
  const driver = await builder.forBrowser('chrome').setChromeOptions(options).build();
  await driver.manage().setTimeouts({ implicit: 0, pageLoad: 60_000, script: 60_000 });
  // Without a screen no window is ever in front, and a page that is not shows nobody where the focus is.
  await driver.sendDevToolsCommand('Emulation.setFocusEmulationEnabled', { enabled: true });
  return driver;
}

/** Ends a process group, and waits until its leader is gone. */
async function endGroup(child) {
  const ended = child.exitCode !== null || child.signalCode !== null;
  const end = new Promise((resolve) => child.once('exit', resolve));
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
  if (!ended) {
    await end;
  }
}

/** Lets `visit` have a browser, and takes it away whatever comes of the visit. */
async function withBrowser(visit) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-browser-'));
  let child;
  const clear = () => fs.rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  const interrupted = async () => {
    await (child && endGroup(child));
    clear();
    process.exit(1);
  };
  process.once('SIGTERM', interrupted).once('SIGINT', interrupted);
  try {
    const started = await startDriver(home);
    child = started.child;
    const driver = await connect(started.url, home);
    try {
      return await visit(driver);
    } finally {
      await driver.quit();
    }
  } finally {
    await (child && endGroup(child));
    clear();
  }
}

module.exports = { withBrowser };
