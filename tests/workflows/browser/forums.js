'use strict';
// The forums of the same company: who is logged in at the store is a stranger there, and logs in there as well.

const assert = require('node:assert/strict');
const { must, see } = require('./report.js');

async function post(alice) {
  const ofTheStore = await cookiesOfTheStore(alice);
  await must('the forums ask for a login of their own', async () => {
    await alice.openInside('forums');
    await alice.isAtLogin('forums');
    await alice.noLogin();
  });
  await alice.page.look('forums-login');
  await alice.open('forums', '/');
  await alice.page.look('forums-home');
  await must('their login page is reached by keyboard', async () => {
    await alice.keyboard.toLink(/log ?in/i);
    await alice.keyboard.enter();
    await alice.isAtLogin('forums');
  });
  await must('a login there leads to the posts', () => alice.logIn('forums'));
  await alice.page.look('forums-posts-at-first');
  await must('a post is written', () => alice.write('forums', 'Has anybody tried the <umbrella>?'));
  await see('it is shown as text', async () => assert.match(await alice.text(), /the <umbrella>\?/));
  await alice.page.look('forums-posts');
  const own = await alice.loginCookies('forums');
  await must('the store is still as it was left', async () => {
    const still = await cookiesOfTheStore(alice);
    const all = [own.first, own.refresh, ofTheStore.first, ofTheStore.refresh];
    assert.equal(new Set(all).size, 4, 'every cookie is another');
    assert.ok(still.first !== own.first && still.refresh !== own.refresh, 'the forums left their cookies at the store');
  });
}

async function cookiesOfTheStore(alice) {
  await alice.openInside('store');
  await alice.isInside('store');
  return alice.loginCookies('store');
}

module.exports = { post };
