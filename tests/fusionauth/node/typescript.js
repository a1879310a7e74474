'use strict';
// fusionauth-typescript-client, test/FusionAuthClientTest.ts, and its kickstart.

const { PASSWORD, TENANT, assert, check, client, done, good, refused, told } = require('./checks.js');
const { kickstart } = require('./kickstart.js');

const APPLICATION = 'e5e2b0b3-c329-4b08-896c-d4f9f612b5c0';
const USER = 'b164fdfc-db57-4da9-b241-8543671c6bb8';
const LOGIN = 'exampleUser@fusionauth.io';

/** What stands before each test there. Gives the answer that the suite asserts on. */
async function before(fusionauth) {
  const { tenants } = await good(fusionauth.retrieveTenants());
  assert.ok(tenants.some((tenant) => tenant.id === TENANT), `no tenant has the id ${TENANT}`);
  await told(fusionauth.deleteApplication(APPLICATION));
  const application = {
    name: 'TypeScript FusionAuth Client',
    oauthConfiguration: { enabledGrants: ['password', 'authorization_code'], authorizedRedirectURLs: ['http://localhost'] },
  };
  const made = await told(fusionauth.createApplication(APPLICATION, { application }));
  const found = await told(fusionauth.retrieveUserByEmail('typescript@fusionauth.io'));
  if (found.good) await done(fusionauth.deleteUser(found.body.user.id));
  if (!(await told(fusionauth.retrieveUser(USER))).good) {
    await good(fusionauth.createUser(USER, { user: { email: LOGIN, password: PASSWORD } }));
  }
  // Its failure is only printed there.
  await told(fusionauth.retrieveSystemConfiguration());
  return made;
}

module.exports = async () => {
  const fusionauth = client();
  await kickstart(fusionauth);
  await check('A1', async () => {
    const made = await before(fusionauth);
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.equal(made.exception, undefined);
    assert.notEqual(made.body, null);
  });
  await users(fusionauth);
  await applications(fusionauth);
  await logins(fusionauth);
};

const created = (email, firstName) => ({
  user: { email, firstName, password: PASSWORD },
  skipVerification: true,
  sendSetPasswordEmail: false,
});

/** "Create, Patch, Search, and Delete a User" */
async function users(fusionauth) {
  await before(fusionauth);
  for (const email of ['nodejs@fusionauth.io', 'nodejs2@fusionauth.io']) {
    const found = await told(fusionauth.retrieveUserByEmail(email));
    if (found.good) await done(fusionauth.deleteUser(found.body.user.id));
  }
  const first = await check('A2', () => good(fusionauth.createUser(null, created('nodejs@fusionauth.io', 'Jäne'))));
  await check('A3', () => {
    assert.ok(first.user.id, JSON.stringify(first));
    assert.equal(first.user.firstName, 'Jäne');
  });
  const patched = await check('A4', () => good(fusionauth.patchUser(first.user.id, { user: { firstName: 'Jan' } })));
  await check('A5', () => assert.equal(patched.user.firstName, 'Jan'));
  const second = await good(fusionauth.createUser(null, created('nodejs2@fusionauth.io', 'Joan')));
  const ids = [first.user.id, second.user.id];
  const found = await check('A6', () => good(fusionauth.searchUsersByIds(ids)));
  await check('A7', () => assert.equal(found.total, 2));
  await check('A8', () => {
    assert.ok(Array.isArray(found.users), JSON.stringify(found));
    assert.deepEqual(found.users.map((user) => user.id).sort(), [...ids].sort());
  });
  const deleted = [];
  await check('A9', async () => {
    for (const id of ids) {
      deleted.push(await good(fusionauth.deleteUser(id)));
    }
  });
  await check('A10', () => {
    assert.equal(deleted.length, 2);
    for (const body of deleted) assert.ok(body === undefined || body === null, JSON.stringify(body));
  });
  await check('A11', async () => {
    for (const email of ['nodejs@fusionauth.io', 'nodejs2@fusionauth.io']) {
      await refused(fusionauth.retrieveUserByEmail(email), 404);
    }
  });
}

/** "Patch Application", "Error response" */
async function applications(fusionauth) {
  await before(fusionauth);
  const application = { name: 'Node.js FusionAuth Client patch', loginConfiguration: { allowTokenRefresh: true } };
  const patched = await check('A12', () => good(fusionauth.patchApplication(APPLICATION, { application })));
  await check('A13', () => assert.equal(patched.application.loginConfiguration.allowTokenRefresh, true));
  await before(fusionauth);
  await check('A14', async () => {
    const bad = { application: { name: 'Bad Application', verifyRegistration: true } };
    const answer = await told(fusionauth.createApplication(null, bad));
    assert.ok(!answer.good && answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
  });
}

/** "Login non existant user", both of "Retrieve user by loginId", "OAuth login" */
async function logins(fusionauth) {
  await before(fusionauth);
  await check('A15', () => refused(fusionauth.login({ loginId: 'doesntexist', password: 'pass' }), 404));
  const dinesh = 'dinesh@fusionauth.io';
  await check('A16', async () => {
    const { user } = await good(fusionauth.retrieveUserByLoginId(dinesh));
    assert.equal(user.firstName, 'Dinish');
  });
  await check('A17', async () => {
    const { user } = await good(fusionauth.retrieveUserByLoginIdWithLoginIdTypes(dinesh, ['email']));
    assert.equal(user.firstName, 'Dinish');
  });
  await check('A18', () => refused(fusionauth.retrieveUserByLoginIdWithLoginIdTypes(dinesh, ['username']), 404));
  const made = await before(fusionauth);
  await check('A19', async () => {
    const { application } = await good(fusionauth.retrieveApplication(APPLICATION));
    const { clientId } = application.oauthConfiguration;
    // Where a secret was made is the only answer that has it.
    const { clientSecret } = made.body.application.oauthConfiguration;
    const grant = fusionauth.exchangeUserCredentialsForAccessToken(
      LOGIN, PASSWORD, clientId, clientSecret, 'email openid', null,
    );
    assert.ok((await good(grant)).access_token, 'no access_token');
  });
}
