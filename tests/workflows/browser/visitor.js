'use strict';
// Alice before her browser: the two apps that she goes to, what she does in either, and the cookies that she is given.

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { By } = require('selenium-webdriver');
const { Keyboard } = require('./keyboard.js');
const { Page } = require('./page.js');

/** The page that only those who are logged in see, and what is written there. */
const APPS = {
  store: { path: '/shopping-cart', field: 'item' },
  forums: { path: '/posts', field: 'text' },
};

class Visitor {
  constructor(driver, told) {
    Object.assign(this, { driver, told });
    this.keyboard = new Keyboard(driver);
    this.page = new Page(driver, this.keyboard, told.screenshots, told.prefix);
  }

  url(app, path) {
    return `http://${app}.example.com:${this.told.port}${path}`;
  }

  /** Opens a page as if its address was typed, or kept as a bookmark. */
  async open(app, path) {
    await this.driver.get(this.url(app, path));
  }

  /** Opens the page for which somebody must be logged in. */
  async openInside(app) {
    await this.open(app, APPS[app].path);
  }

  async isAt(app, path) {
    assert.equal(await this.driver.getCurrentUrl(), this.url(app, path));
  }

  async isInside(app) {
    await this.isAt(app, APPS[app].path);
    assert.equal(await this.status(), 200);
  }

  async isAtLogin(app) {
    await this.isAt(app, '/login');
    assert.equal((await this.driver.findElements(By.css('input[type=password]'))).length, 1);
  }

  /** The status with which the page was answered. */
  async status() {
    return this.driver.executeScript('return performance.getEntriesByType("navigation")[0].responseStatus');
  }

  async text() {
    return this.driver.findElement(By.css('body')).getText();
  }

  /** Fills the login form and sends it off by Enter. */
  async sendLogin(password = this.told.password) {
    await this.keyboard.toField('login');
    await this.keyboard.fill(this.told.login);
    await this.keyboard.toField('password');
    await this.keyboard.fill(password);
    await this.keyboard.enter();
  }

  async logIn(app) {
    await this.sendLogin();
    await this.isInside(app);
  }

  /** Puts something into the cart, or writes a post. */
  async write(app, text) {
    await this.keyboard.toField(APPS[app].field);
    await this.keyboard.fill(text);
    await this.keyboard.enter();
    await this.isInside(app);
  }

  async logOut(app) {
    await this.keyboard.toButton(/log ?out/i);
    await this.keyboard.enter();
    await this.isAt(app, '/');
  }

  /** The cookies of the page that is open, by name. No script sees any of them. */
  async cookies() {
    assert.equal(await this.driver.executeScript('return document.cookie'), '', 'a script reads cookies');
    const all = await this.driver.manage().getCookies();
    return Object.fromEntries(all.map((cookie) => [cookie.name, cookie]));
  }

  /** The two cookies of a login, which are the app's alone. */
  async loginCookies(app) {
    const cookies = await this.cookies();
    assert.deepEqual(Object.keys(cookies).sort(), [this.told.cookie, 'refresh_token'].sort());
    for (const { name, httpOnly, sameSite, path, domain } of Object.values(cookies)) {
      const wanted = { httpOnly: true, sameSite: 'Lax', path: '/', domain: `${app}.example.com` };
      assert.deepEqual({ httpOnly, sameSite, path, domain }, wanted, name);
    }
    return { first: cookies[this.told.cookie].value, refresh: cookies.refresh_token.value };
  }

  /** Whether neither of the two is there. Another cookie may remember that a login has ended. */
  async noLogin() {
    const names = Object.keys(await this.cookies());
    assert.deepEqual(names.filter((name) => name === this.told.cookie || name === 'refresh_token'), []);
  }

  /**
   * Waits until what the first cookie stands for cannot be good any more: a JWT says so itself; the app's own session ends
   * this long after its last use, which was before this was called. Both are judged by the clock of this machine.
   */
  async untilExpired() {
    const { value } = (await this.cookies())[this.told.cookie];
    const over = this.told.cookie === 'jwt' ? (expiry(value) + 1) * 1000 : Date.now() + this.told.sessionSeconds * 1000;
    while (Date.now() <= over) {
      await sleep(Math.max(over - Date.now(), 0) + 20);
    }
  }
}

function expiry(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString()).exp;
}

module.exports = { Visitor };
