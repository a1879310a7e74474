'use strict';
// Applications and users that the bootstrap file of tests/server/fusionauth/official.rs made. The program of the same name for Python
// makes the same checks.

const { OTHER_PASSWORD, PASSWORD, assert, check, claims, client, done, good, refused, refusedSilently } = require('./checks.js');

const STORE = '10000000-0000-0002-0000-000000000001';
const SECRET = 'a secret: 50% + é';
const PHONE = '10000000-0000-0002-0000-000000000002';
const ALICE = '00000000-0000-0001-0000-000000000000';

module.exports = async () => {
  const api = client();
  await found(api);
  await sessions(api);
  await changed(api);
};

async function found(api) {
  await check('an application of the file is found by its id, with its name', async () => {
    const { application } = await good(api.retrieveApplication(STORE));
    assert.deepEqual([application.id, application.name, application.oauthConfiguration.clientId], [STORE, 'Store', STORE]);
  });
  await check('a user of the file is found by id, by e-mail address and by login, with the registration', async () => {
    for (const call of [api.retrieveUser(ALICE), api.retrieveUserByEmail('alice@example.com'), api.retrieveUserByLoginId('alice@example.com')]) {
      const { user } = await good(call);
      assert.deepEqual([user.id, user.email, user.registrations[0].applicationId], [ALICE, 'alice@example.com', STORE]);
    }
    const { registration } = await good(api.retrieveRegistration(ALICE, STORE));
    assert.deepEqual([registration.applicationId, registration.roles], [STORE, ['shopper']]);
  });
}

async function sessions(api) {
  const request = { applicationId: STORE, loginId: 'alice@example.com', password: PASSWORD };
  await check('/api/login, then refreshed, validated, introspected and logged out', async () => {
    const login = await good(api.login(request));
    const { token, refreshToken } = await good(api.exchangeRefreshTokenForJWT({ refreshToken: login.refreshToken }));
    assert.equal(refreshToken, login.refreshToken);
    assert.deepEqual((await good(api.validateJWT(token))).jwt.roles, ['shopper']);
    assert.equal((await good(api.introspectAccessToken(STORE, token))).active, true);
    await done(api.logout(false, refreshToken));
    await refused(api.exchangeRefreshTokenForJWT({ refreshToken }), 404);
    assert.deepEqual(await good(api.introspectAccessToken(STORE, token)), { active: false });
  });
  await check('the password grant without a scope, then refreshed by the grant', async () => {
    const grant = api.exchangeUserCredentialsForAccessToken('alice@example.com', PASSWORD, STORE, SECRET, null, null);
    const login = await good(grant);
    const refresh = api.exchangeRefreshTokenForAccessToken(login.refresh_token, STORE, SECRET, null, null);
    assert.equal((await good(refresh)).refresh_token, login.refresh_token);
    assert.equal((await good(api.retrieveUserInfoFromAccessToken(login.access_token))).sub, ALICE);
  });
  await check('an application without a secret: the grant is good without one, and refused with any', async () => {
    const grant = (secret) => api.exchangeUserCredentialsForAccessToken('carol', PASSWORD, PHONE, secret, 'openid', null);
    const login = await good(grant(null));
    assert.equal(claims(login.access_token).preferred_username, 'carol');
    await good(api.exchangeRefreshTokenForAccessToken(login.refresh_token, PHONE, null, null, null));
    assert.equal((await refused(grant('any'), 401)).error, 'invalid_client');
  });
}

async function changed(api) {
  await check('who must change the password gets 203 and an id, changes it by that, and logs in', async () => {
    const request = { applicationId: STORE, loginId: 'bob@example.com', password: PASSWORD };
    const { changePasswordId, changePasswordReason, token } = await good(api.login(request), 203);
    assert.deepEqual([changePasswordReason, token], ['Administrative', undefined]);
    await good(api.changePassword(changePasswordId, { password: OTHER_PASSWORD }));
    await refusedSilently(api.login(request), 404);
    const { user } = await good(api.login({ ...request, password: OTHER_PASSWORD }));
    assert.equal(user.passwordChangeRequired, false);
  });
}
