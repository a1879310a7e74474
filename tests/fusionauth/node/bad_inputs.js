'use strict';
// Bad inputs of tests/fusionauth/bad_inputs.json: each is refused with the field, the code and the status that stand there, and
// the client can read every refusal.

const table = require('../bad_inputs.json');
const { PASSWORD, assert, check, client, good, refused, uuid } = require('./checks.js');

/** Who and what the words with a dollar stand for. */
async function known(fusionauth) {
  const email = `carol-${uuid()}@example.com`;
  const username = `carol-${uuid()}`;
  const name = `Bakery ${uuid()}`;
  const application = {
    name,
    roles: [{ name: 'admin' }],
    loginConfiguration: { generateRefreshTokens: true },
    oauthConfiguration: { enabledGrants: ['password', 'refresh_token'] },
  };
  const made = (await good(fusionauth.createApplication(uuid(), { application }))).application;
  const other = (await good(fusionauth.createApplication(uuid(), { application: { name: `Butcher ${uuid()}` } }))).application;
  const request = { user: { email, username, password: PASSWORD }, registration: { applicationId: made.id } };
  const { user } = await good(fusionauth.register(null, request));
  const { token } = await good(fusionauth.login({ loginId: email, password: PASSWORD, applicationId: made.id }));
  return {
    application: made.id, email, name, other: other.id, password: PASSWORD, secret: made.oauthConfiguration.clientSecret, token,
    user: user.id, username,
  };
}

/** The same value with what the words stand for. */
function filled(value, words) {
  if (typeof value === 'string' && value.startsWith('$')) {
    return value === '$fresh' ? uuid() : words[value.slice(1)];
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((inner) => filled(inner, words));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, words)]));
}

const codes = (errors) => errors.map((error) => error.code);

/** Compares what was refused with what stands in the table. */
function compare(entry, body) {
  if (entry.oauth !== undefined) {
    const [error, reason] = entry.oauth;
    assert.equal(body.error, error, JSON.stringify(body));
    if (reason !== undefined) assert.equal(body.error_reason, reason, JSON.stringify(body));
  } else if (entry.status === 400 || entry.status === 501) {
    assert.deepEqual(Object.keys(body).sort(), ['fieldErrors', 'generalErrors']);
    for (const error of [...Object.values(body.fieldErrors).flat(), ...body.generalErrors]) {
      assert.ok(error.code && error.message, JSON.stringify(error));
    }
    if (entry.fields === undefined && entry.general === undefined) {
      assert.ok(Object.keys(body.fieldErrors).length + body.generalErrors.length > 0, 'no error is named');
      return;
    }
    const fields = Object.fromEntries(Object.entries(body.fieldErrors).map(([field, errors]) => [field, codes(errors)]));
    assert.deepEqual([fields, codes(body.generalErrors)], [entry.fields ?? {}, entry.general ?? []]);
  } else if (entry.status === 404) {
    assert.equal(body, undefined, '404 has no body');
  }
}

module.exports = async () => {
  const words = await known(client());
  for (const entry of table) {
    await check(entry.name, async () => {
      const fusionauth = client(entry.anonymous ? null : undefined);
      const call = fusionauth[entry.call](...Object.values(filled(entry.args, words)));
      compare(entry, await refused(call, entry.status));
    });
  }
};
