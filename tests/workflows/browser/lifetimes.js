'use strict';
// What expires: first what the first cookie stands for, which nobody notices, then the refresh token, which means the login page.

const assert = require('node:assert/strict');
const { must, please, see } = require('./report.js');
const { harmless } = require('./store.js');

async function renewSilently(alice) {
  // The session that the next refresh leaves behind ends soon; the one of now does not, however slow this machine is.
  await please("shorten the store's lifetimes");
  const before = await alice.loginCookies('store');
  await alice.untilExpired();
  await see('the home page does not take her for a stranger meanwhile', async () => {
    await alice.open('store', '/');
    assert.doesNotMatch(await alice.text(), /log ?in/i);
  });
  await alice.page.look('store-home-expired');
  await must('after the expiry the cart is shown without a login', async () => {
    await alice.openInside('store');
    await alice.isInside('store');
    await harmless(alice);
  });
  const after = await alice.loginCookies('store');
  await see(`the cookie ${alice.told.cookie} is another`, () => assert.notEqual(after.first, before.first));
  if (alice.told.asDocumented) {
    await see('the cookie refresh_token is the same', () => assert.equal(after.refresh, before.refresh));
  } else {
    await see('the cookie refresh_token is another', () => assert.notEqual(after.refresh, before.refresh));
  }
}

async function loseTheRefreshToken(alice) {
  await alice.untilExpired();
  await please("wait until the store's session is over");
  await must('when the refresh token is dead the cart leads to the login page', async () => {
    await alice.openInside('store');
    await alice.isAtLogin('store');
  });
  await see('and the cookies are gone', () => alice.noLogin());
  await alice.page.look('store-login-ended');
  await please("lengthen the store's lifetimes");
  await must('a login leads to the same cart again', async () => {
    await alice.logIn('store');
    await harmless(alice);
  });
}

async function leave(alice) {
  await must('Log out leads to the home page', () => alice.logOut('store'));
  await see('and takes the cookies away', () => alice.noLogin());
  // What Chromium shows is the page as it left it, which it keeps in memory although the app says `no-store`: a picture.
  await must('whatever the Back key shows, asking for it leads to the login page', async () => {
    await alice.driver.navigate().back();
    await alice.driver.navigate().refresh();
    await alice.isAtLogin('store');
  });
  await must('the forums are still logged in', async () => {
    await alice.openInside('forums');
    await alice.isInside('forums');
  });
}

async function wait(alice) {
  await renewSilently(alice);
  await loseTheRefreshToken(alice);
  await leave(alice);
}

module.exports = { wait };
