'use strict';
// A person who has no mouse: Tab, Enter and letters, and a look at what has the focus.

const { Key, error } = require('selenium-webdriver');

// Bounds that only end a walk that would hang.
const LIMIT = 60_000;
const MOST_TABS = 60;

/** What has the focus, as a screen reader would tell it, and whether it can be seen that it has. */
const FOCUS = `
  const it = document.activeElement;
  const style = getComputedStyle(it);
  return {
    field: it.getAttribute('name'),
    nowhere: it === document.body || it === document.documentElement,
    seen: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none',
  };`;

class Keyboard {
  constructor(driver) {
    this.driver = driver;
  }

  async press(key) {
    await this.driver.actions().sendKeys(key).perform();
  }

  async type(text) {
    await this.driver.actions().sendKeys(text).perform();
  }

  async focus() {
    const found = await this.driver.executeScript(FOCUS);
    if (found.nowhere) {
      return { ...found, role: '', name: '' };
    }
    const element = await this.driver.switchTo().activeElement();
    return { ...found, role: await element.getAriaRole(), name: await element.getAccessibleName() };
  }

  /** Presses Tab until what has the focus is what is looked for. */
  async tabTo(what, isIt) {
    const passed = [];
    for (let tabs = 0; tabs <= MOST_TABS; tabs += 1) {
      const found = await this.focus();
      if (!found.nowhere && isIt(found)) {
        if (!found.seen) {
          throw new Error(`${what} has the focus, and nothing shows it`);
        }
        return found;
      }
      passed.push(found.nowhere ? '(nothing)' : `${found.role} "${found.name}"`);
      await this.press(Key.TAB);
    }
    throw new Error(`Tab never came to ${what}, but to ${[...new Set(passed)].join(', ')}`);
  }

  async toField(field) {
    await this.tabTo(`the field ${field}`, (found) => found.field === field);
  }

  async toLink(name) {
    await this.tabTo(`the link ${name}`, (found) => found.role === 'link' && name.test(found.name));
  }

  async toButton(name) {
    await this.tabTo(`the button ${name}`, (found) => found.role === 'button' && name.test(found.name));
  }

  /** Replaces what is in the field that has the focus. */
  async fill(text) {
    await this.driver.actions().keyDown(Key.CONTROL).sendKeys('a').keyUp(Key.CONTROL).sendKeys(Key.DELETE).perform();
    await this.type(text);
  }

  /** Presses Enter where that leads to another page, and waits for it. */
  async enter() {
    await this.driver.executeScript('window.isLeft = true');
    await this.press(Key.ENTER);
    await this.driver.wait(() => this.hasCome(), LIMIT, 'Enter leads to another page');
  }

  /** Whether there is another page, and all of it. Between two pages a script has nowhere to run. */
  async hasCome() {
    const come = this.driver.executeScript('return window.isLeft !== true && document.readyState === "complete"');
    return come.catch((problem) => {
      if (problem instanceof error.NoSuchWindowError || problem instanceof error.NoSuchSessionError) {
        throw problem;
      }
      return false;
    });
  }

  /** Goes once around the page: everything that can be used must have had the focus, and shown it. */
  async around() {
    await this.driver.executeScript(`
      window.reached = new Set();
      window.unseen = [];
      document.activeElement.blur();
      getSelection().collapse(document.body, 0);`);
    const wanted = await this.driver.executeScript(`
      const all = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]');
      window.wanted = [...all].filter((one) => !one.disabled && one.getClientRects().length > 0);
      return window.wanted.length;`);
    // One more than there are, for the step over the end of the page, and one for where it began.
    for (let tabs = 0; tabs < wanted + 2; tabs += 1) {
      await this.press(Key.TAB);
      await this.driver.executeScript(`
        const seen = (() => { ${FOCUS} })().seen;
        window.reached.add(document.activeElement);
        if (!seen && document.activeElement !== document.body) window.unseen.push(document.activeElement.outerHTML);`);
    }
    return this.driver.executeScript(`
      const missed = window.wanted.filter((one) => !window.reached.has(one)).map((one) => one.outerHTML);
      return { missed, unseen: window.unseen, count: window.wanted.length };`);
  }
}

module.exports = { Keyboard };
