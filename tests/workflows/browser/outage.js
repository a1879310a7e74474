'use strict';
// Pages for what goes wrong: an address that does not exist, a form that is not the store's own, a name that is neither site's, and apps whose auth server does not answer.

const assert = require('node:assert/strict');
const { must, please, see } = require('./report.js');

async function strayFromThePath(alice) {
  await alice.open('store', '/no-such-page');
  await see('a page that does not exist is a 404', async () => assert.equal(await alice.status(), 404));
  await alice.page.look('store-not-found', /status of 404/);
}

async function sendAForeignForm(alice) {
  const store = alice.url('store', '/shopping-cart');
  const form = `<form method=post action="${store}"><input name=item value=Snow><button>Win</button></form>`;
  await must('a form that somebody else made is refused', async () => {
    await alice.driver.get(`data:text/html,${encodeURIComponent(form)}`);
    await alice.keyboard.toButton(/win/i);
    await alice.keyboard.enter();
    await alice.isAt('store', '/shopping-cart');
    assert.equal(await alice.status(), 403);
  });
  await alice.page.look('store-foreign', /status of 403/);
}

async function comeByAnotherName(alice) {
  await alice.open('www', '/');
  await see('a name that is neither of the two leads to neither', async () => assert.equal(await alice.status(), 404));
  await alice.page.look('neither-site', /status of 404/);
}

async function meetAnOutage(alice) {
  await alice.openInside('forums');
  const before = await alice.loginCookies('forums');
  await alice.untilExpired();
  await please('cut the apps off from Countersign');
  await must('a renewal that gets no answer is told, and the cookies are kept', async () => {
    await alice.openInside('forums');
    await alice.isAt('forums', '/posts');
    assert.equal(await alice.status(), 503);
    assert.deepEqual(await alice.loginCookies('forums'), before);
  });
  await alice.page.look('forums-unavailable', /status of 503/);
  await must('so is a login, which is not called wrong', async () => {
    await alice.open('store', '/login');
    await alice.sendLogin();
    assert.equal(await alice.status(), 503);
    await alice.noLogin();
  });
  await see('and nobody is told to be logged in', async () => {
    assert.doesNotMatch(await alice.text(), /still logged in/i);
  });
  await alice.page.look('store-login-unavailable', /status of 503/);
}

async function suffer(alice) {
  await strayFromThePath(alice);
  await sendAForeignForm(alice);
  await comeByAnotherName(alice);
  await meetAnOutage(alice);
}

module.exports = { suffer };
