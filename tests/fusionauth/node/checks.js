'use strict';
// What the programs beside this one share: the client, what a call came to, and checks that are told by name.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { FusionAuthClient } = require('@fusionauth/typescript-client');

const URL = process.env.COUNTERSIGN_URL;
const KEY = process.env.API_KEY;
const ADMIN_KEY = process.env.ADMIN_KEY;
const TENANT = process.env.TENANT_ID;
// The suites of the official clients write "password", which nobody may choose here.
const PASSWORD = 'correct horse battery staple';
const OTHER_PASSWORD = 'another fine long password';

/** A client with the API key; `null` is one without. */
function client(key = KEY) {
  return new FusionAuthClient(key, URL, TENANT);
}

/** What a call came to, good or bad. The client rejects where the status is bad, and tells both in one class. */
async function told(call) {
  const answer = await call.then(
    (good) => ({ status: good.statusCode, body: good.response, exception: good.exception, good: true }),
    (bad) => ({ status: bad.statusCode, body: bad.exception, good: false, raised: bad }),
  );
  if (answer.raised !== undefined && answer.raised.constructor.name !== 'ClientResponse') {
    throw answer.raised;
  }
  if (answer.body instanceof Error) {
    throw new Error(`the client cannot read an answer of status ${answer.status}: ${answer.body.message}`);
  }
  return answer;
}

/** What a call answers well, with that status. */
async function good(call, status = 200) {
  const answer = await told(call);
  assert.equal(answer.status, status, `status ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.good, true, 'the client takes it for an error');
  assert.equal(answer.exception, undefined, 'the client tells an exception');
  return answer.body;
}

/** The same of a call that answers nothing but its status. */
async function done(call) {
  const body = await good(call);
  assert.ok(body === undefined || body === null, `there should be no body: ${JSON.stringify(body)}`);
}

/** What a call is refused with, with that status. */
async function refused(call, status) {
  const answer = await told(call);
  assert.equal(answer.status, status, `status ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.good, false, 'the client takes it for a success');
  return answer.body;
}

/** The same of a refusal without a body. */
async function refusedSilently(call, status) {
  const body = await refused(call, status);
  assert.ok(body === undefined || body === null, `there should be no body: ${JSON.stringify(body)}`);
}

/** Runs one check and tells its outcome. What it gives is there for the next. */
async function check(name, attempt) {
  try {
    const found = await attempt();
    console.log(`ok ${name}`);
    return found;
  } catch (error) {
    console.log(`FAILED ${name}; ${String(error.message).split('\n').join(' | ')}`);
    return undefined;
  }
}

/** What a JWT says, unverified. */
function claims(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());
}

/** What a JWT says of itself. */
function header(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url').toString());
}

module.exports = {
  ADMIN_KEY, KEY, OTHER_PASSWORD, PASSWORD, TENANT, URL, assert, check, claims, client, done, good, header, refused, refusedSilently, told,
  uuid: randomUUID,
};
