'use strict';
// What every page must be: fit for a telephone and a desk, usable by everybody, and without a word of complaint in the console.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const axe = require('axe-core');
const { logging } = require('selenium-webdriver');
const report = require('./report.js');

const SIZES = [
  { width: 390, height: 844, mobile: true },
  { width: 1280, height: 800, mobile: false },
];

/** Everything that goes over the right edge, and how wide the page is. */
const TOO_WIDE = `
  const width = arguments[0];
  const over = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > width + 0.5);
  return { page: document.documentElement.scrollWidth, over: over.map((one) => one.outerHTML.slice(0, 120)) };`;

/** Fails with everything that was found. */
function none(found) {
  assert.equal(found.length, 0, found.join('; '));
}

class Page {
  constructor(driver, keyboard, screenshots, prefix) {
    Object.assign(this, { driver, keyboard, screenshots, prefix, looked: new Set() });
    fs.mkdirSync(screenshots, { recursive: true });
  }

  async size({ width, height, mobile }) {
    const metrics = { width, height, mobile, deviceScaleFactor: 1 };
    await this.driver.sendDevToolsCommand('Emulation.setDeviceMetricsOverride', metrics);
  }

  /** Looks at the page in each size and takes its picture. `expected` is a complaint that belongs to it. */
  async look(name, expected = null) {
    assert.ok(!this.looked.has(name), `${name} was looked at already`);
    this.looked.add(name);
    await this.driver.executeScript(axe.source);
    for (const size of SIZES) {
      await this.size(size);
      await this.picture(`${name}-${size.width}`);
      await report.see(`${name} fits into ${size.width}`, () => this.fits(size.width));
      await report.see(`${name} at ${size.width}: axe-core finds nothing serious`, () => this.judge(`${name} at ${size.width}`));
      await report.see(`${name} at ${size.width}: Tab comes to everything, and shows where it is`, () => this.tabs());
    }
    await this.inTheDark(true);
    await report.see(`${name} in the dark: axe-core finds nothing serious`, () => this.judge(`${name} in the dark`));
    await this.inTheDark(false);
    await report.see(`${name}: the console is silent`, () => this.console(expected));
  }

  /** Shows the page to somebody who likes it dark, or light again. */
  async inTheDark(dark) {
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.driver.sendDevToolsCommand('Emulation.setEmulatedMedia', { features });
  }

  async picture(name) {
    const png = await this.driver.takeScreenshot();
    fs.writeFileSync(path.join(this.screenshots, `${this.prefix}-${name}.png`), png, 'base64');
  }

  async fits(width) {
    const { page, over } = await this.driver.executeScript(TOO_WIDE, width);
    none(over);
    assert.ok(page <= width, `it is ${page} wide`);
  }

  async judge(name) {
    const found = await this.driver.executeAsyncScript(`
      const done = arguments[arguments.length - 1];
      // Off unless it is asked for: whether a finger can hit what it aims at.
      const options = { rules: { 'target-size': { enabled: true } }, resultTypes: ['violations', 'passes'] };
      axe.run(document, options).then(
        (all) => done({ violations: all.violations, passed: all.passes.length }),
        (error) => done({ error: String(error) }));`);
    assert.equal(found.error, undefined);
    assert.ok(found.passed > 10, `axe-core judged next to nothing: ${found.passed} rules passed`);
    const told = (one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' ')}`;
    const serious = found.violations.filter((one) => ['serious', 'critical'].includes(one.impact));
    for (const one of found.violations.filter((one) => !serious.includes(one))) {
      report.note(`${name}: axe-core: ${told(one).split('\n').join(' | ')}`);
    }
    none(serious.map(told));
  }

  async tabs() {
    const { missed, unseen, count } = await this.keyboard.around();
    assert.ok(count > 0, 'there is nothing to use');
    none([...missed.map((one) => `${one} is not reached`), ...unseen.map((one) => `${one} has the focus, and nothing shows it`)]);
  }

  /** What the browser complained of since it was asked last. */
  async console(expected) {
    const entries = await this.driver.manage().logs().get(logging.Type.BROWSER);
    const complaints = entries.filter((entry) => entry.level.value >= logging.Level.WARNING.value);
    const others = complaints.map((entry) => entry.message).filter((text) => !expected || !expected.test(text));
    none(others);
  }
}

module.exports = { Page };
