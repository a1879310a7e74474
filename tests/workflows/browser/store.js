'use strict';
// Alice comes to the store, mistypes her password, logs in, and puts things into her cart.

const assert = require('node:assert/strict');
const { By } = require('selenium-webdriver');
const { must, see } = require('./report.js');

/** What would do harm in a page that took it for its own. */
const HOSTILE = `<b>&amp;"'</b><img src=x onerror="document.title='ran'">`;

async function comeToTheLoginPage(alice) {
  await must('the store opens', async () => {
    await alice.open('store', '/');
    assert.equal(await alice.status(), 200);
  });
  await alice.page.look('store-home');
  await must('its login page is reached by keyboard', async () => {
    await alice.keyboard.toLink(/log ?in/i);
    await alice.keyboard.enter();
    await alice.isAtLogin('store');
    await alice.noLogin();
  });
  await alice.page.look('store-login');
}

/** A page is read from its top; what went wrong is heard at once only where the focus is, or where it is an alert. */
async function mistypeThePassword(alice) {
  await must('a wrong password leads back to the form', async () => {
    await alice.sendLogin('not the password');
    await alice.isAtLogin('store');
    assert.equal(await alice.status(), 401);
    await alice.noLogin();
  });
  await see('the error is shown, and announced as an alert', async () => {
    const alerts = await alice.driver.findElements(By.css('[role=alert]'));
    assert.equal(alerts.length, 1);
    assert.ok((await alerts[0].getText()).length > 10 && (await alerts[0].isDisplayed()));
  });
  await see('the focus is in the form, on a field that is told to be wrong', async () => {
    const field = await alice.driver.switchTo().activeElement();
    assert.equal(await field.getAttribute('name'), 'password');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    const told = await alice.driver.findElement(By.id(await field.getAttribute('aria-describedby')));
    assert.ok((await told.getText()).length > 10);
  });
  await see('the login is still there, the password is not', async () => {
    const value = (name) => alice.driver.findElement(By.name(name)).getAttribute('value');
    assert.deepEqual([await value('login'), await value('password')], [alice.told.login, '']);
  });
  await alice.page.look('store-login-wrong', /status of 401/);
}

async function fillTheCart(alice) {
  await must('the right one leads to the cart', () => alice.logIn('store'));
  await see('its cookies are HttpOnly, SameSite=Lax, and no script reads them', () => alice.loginCookies('store'));
  await alice.page.look('store-cart-at-first');
  await must('an item is put into the cart', () => alice.write('store', HOSTILE));
  await see('what is in it is shown as text, and nothing of it runs', () => harmless(alice));
  await must('another one is, by its button', async () => {
    await alice.keyboard.toField('item');
    await alice.keyboard.fill('A plain umbrella');
    await alice.keyboard.toButton(/./);
    await alice.keyboard.enter();
    await alice.isInside('store');
    assert.match(await alice.text(), /A plain umbrella/);
  });
  await alice.page.look('store-cart');
  await must('the home page knows her', () => goHome(alice));
  await alice.page.look('store-home-logged-in');
}

/** Opens the home page while the login needs no renewal, which a page for everybody does not give. */
async function goHome(alice) {
  for (let tries = 0; tries < 30; tries += 1) {
    await alice.openInside('store');
    await alice.open('store', '/');
    if ((await alice.text()).includes(alice.told.login)) {
      return;
    }
  }
  assert.fail(await alice.text());
}

async function harmless(alice) {
  assert.ok((await alice.text()).includes(HOSTILE), await alice.text());
  assert.notEqual(await alice.driver.getTitle(), 'ran');
  assert.equal((await alice.driver.findElements(By.css('img[src=x], main b'))).length, 0);
}

/** The store from its first page to a cart with two things in it. */
async function shop(alice) {
  await comeToTheLoginPage(alice);
  await mistypeThePassword(alice);
  await fillTheCart(alice);
}

module.exports = { harmless, shop };
