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
/** The file with what chromedriver and Chromium complain of: the end of it is worth reading when a walk is broken off. */
const COMPLAINTS = 'complaints';

const FLAGS = [
  '--headless',
  // Its sandbox wants user namespaces, which a container rarely has. It sees no page but ours.
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  // A container has little of that memory, and a page that finds none left is gone.
  '--disable-dev-shm-usage',
  // Three names on this machine, and no others: whatever else it would like to ask, it cannot.
  '--host-resolver-rules=MAP store.example.com 127.0.0.1, MAP forums.example.com 127.0.0.1, MAP www.example.com 127.0.0.1, MAP * ~NOTFOUND',
];

/** Starts chromedriver at a port that it picks itself, so that two of them never want the same one. */
function launch(home) {
  const env = { ...process.env, HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  for (const name of Object.keys(env).filter((name) => /_proxy$/i.test(name))) {
    delete env[name];
  }
  const complaints = fs.openSync(path.join(home, COMPLAINTS), 'w');
  // In a process group of its own, so that whatever is left of the browser can be ended with it.
  const child = spawn(CHROMEDRIVER, ['--port=0'], { env, stdio: ['ignore', 'pipe', complaints], detached: true });
  fs.closeSync(complaints);
  return child;
}

/** Waits until it says where it listens, which is on loopback only. */
async function address(child) {
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const port = /started successfully on port (\d+)/.exec(line);
    if (port) {
      child.stdout.resume();
      return `http://127.0.0.1:${port[1]}`;
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

/** Whoever started this wants it to end, or is gone, or it went wrong in a way that nobody thought of: the browser does not stay. */
function leaveWith(clear) {
  const leave = () => clear().finally(() => process.exit(1));
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, leave);
  }
  process.stdin.on('end', leave);
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', leave);
  }
  process.on('uncaughtException', (error) => {
    console.error(error);
    leave();
  });
}

/** Lets `visit` have a browser, and takes it away whatever comes of the visit. */
async function withBrowser(visit) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-browser-'));
  const child = launch(home);
  let cleared = null;
  const clear = () => {
    cleared ??= endGroup(child).then(() => fs.rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
    return cleared;
  };
  leaveWith(clear);
  try {
    const driver = await connect(await address(child), home);
    try {
      return await visit(driver);
    } finally {
      await driver.quit();
    }
  } catch (error) {
    if (cleared === null) {
      console.error(fs.readFileSync(path.join(home, COMPLAINTS), 'utf8').slice(-4000));
    }
    throw error;
  } finally {
    await clear();
  }
}

module.exports = { withBrowser };
