'use strict';
// fusionauth-netcore-client, FusionAuthClientTest.cs; fusionauth-csharp-client and a port to Swift assert the same.

const { FusionAuthClient } = require('@fusionauth/typescript-client');
const { KEY, PASSWORD, URL, assert, check, client, done, good, refused, refusedSilently, told, uuid } = require('./checks.js');

const APPLICATION = '4eedf18a-9360-40f6-a36c-88269ed5ec55';
const EMAIL = 'csharpclient@fusionauth.io';
const USERNAME = 'csharpclient';

async function createApplication(fusionauth) {
  await told(fusionauth.deleteApplication(APPLICATION));
  return good(fusionauth.createApplication(APPLICATION, { application: { name: 'CSharp Client Test' } }));
}

async function createUser(fusionauth) {
  const found = await told(fusionauth.retrieveUserByEmail(EMAIL));
  if (found.good) await done(fusionauth.deleteUser(found.body.user.id));
  return good(fusionauth.register(null, {
    user: { email: EMAIL, username: USERNAME, password: PASSWORD },
    registration: { applicationId: APPLICATION, username: USERNAME },
    sendSetPasswordEmail: false,
    skipVerification: true,
  }));
}

const renamed = (name) => ({ application: { name } });

module.exports = async () => {
  const fusionauth = client();
  const made = await check('A83', async () => {
    const answer = await createApplication(fusionauth);
    assert.equal(answer.application.name, 'CSharp Client Test');
    return answer;
  });
  const registered = await check('A82', async () => {
    const answer = await createUser(fusionauth);
    assert.equal(answer.user.username, USERNAME);
    return answer;
  });
  await listed(fusionauth, registered);
  await patched(fusionauth);
  await updated(fusionauth);
  await judged(fusionauth, made, registered);
  await registration(fusionauth, registered);
  await tenants(fusionauth);
};

/** Retrieve_RefreshTokens_Test. A null in C# is a member that is not there. */
async function listed(fusionauth, registered) {
  await check('A87', async () => {
    const body = await good(fusionauth.retrieveRefreshTokens(registered.user.id));
    assert.deepEqual(body, {});
  });
}

/** Patch_Application_Test */
async function patched(fusionauth) {
  const application = { passwordlessConfiguration: { enabled: false }, registrationConfiguration: { enabled: true } };
  await check('A84', () => good(fusionauth.patchApplication(APPLICATION, { application })));
  const found = await good(fusionauth.retrieveApplication(APPLICATION));
  await check('A85', () => assert.equal(found.application.passwordlessConfiguration.enabled, false));
  await check('A86', () => assert.equal(found.application.registrationConfiguration.enabled, true));
}

/** Update_Application_Test, Deactivate_Application_Test, Reactivate_Application_Test */
async function updated(fusionauth) {
  await check('A88', async () => {
    const { application } = await good(fusionauth.retrieveApplication(APPLICATION));
    application.name = 'CSharp Client Test updated';
    await good(fusionauth.updateApplication(APPLICATION, { application }));
  });
  await check('A89', async () => {
    const answer = await good(fusionauth.updateApplication(APPLICATION, renamed('CSharp Client Test')));
    assert.equal(answer.application.name, 'CSharp Client Test');
  });
  await check('A95', async () => {
    await done(fusionauth.deactivateApplication(APPLICATION));
    await good(fusionauth.reactivateApplication(APPLICATION));
    const { application } = await good(fusionauth.retrieveApplication(APPLICATION));
    assert.deepEqual([application.name, application.active], ['CSharp Client Test', true]);
  });
}

/** Login_Test, Validate_JWT_Test, Retrieve_Public_Keys_Test */
async function judged(fusionauth, made, registered) {
  const request = { applicationId: APPLICATION, loginId: EMAIL, password: PASSWORD, ipAddress: '10.0.1.129' };
  const login = await check('A99', () => good(fusionauth.login(request)));
  const said = await check('A90', () => good(fusionauth.validateJWT(login.token)));
  await check('A91', () => assert.equal(said.jwt.sub, login.user.id));
  await check('A92', () => assert.equal(said.jwt.applicationId, made.application.id));
  assert.equal(login.user.id, registered.user.id);
  await check('A93', () => refusedSilently(fusionauth.retrieveJWTPublicKey(APPLICATION), 404));
  await check('A94', async () => {
    const { publicKeys } = await good(fusionauth.retrieveJWTPublicKeys());
    for (const key of Object.values(publicKeys)) assert.match(key, /^-----BEGIN PUBLIC KEY-----\n/);
    assert.ok(Object.keys(publicKeys).length > 0);
  });
}

/** Register_Test */
async function registration(fusionauth, registered) {
  const id = registered.user.id;
  await check('A96', async () => {
    const found = await good(fusionauth.retrieveRegistration(id, APPLICATION));
    assert.equal(found.registration.username, USERNAME);
  });
  await check('A97', async () => {
    const changed = { applicationId: APPLICATION, username: USERNAME, usernameStatus: 'ACTIVE', cleanSpeakId: uuid() };
    const answer = await good(fusionauth.updateRegistration(id, { registration: changed }));
    assert.equal(answer.registration.username, USERNAME);
    await done(fusionauth.deleteRegistration(id, APPLICATION));
    await done(fusionauth.deleteUser(id));
  });
  await check('A98', () => refusedSilently(fusionauth.retrieveRegistration(uuid(), APPLICATION), 404));
}

/** Tenant_Test, groups */
async function tenants(fusionauth) {
  await check('A100', async () => {
    const { tenants: [first] } = await good(fusionauth.retrieveTenants());
    assert.equal(first.name, 'Default');
    // The suite writes into it.
    assert.equal(typeof first.emailConfiguration, 'object');
  });
  await check('A102', async () => {
    await good(fusionauth.retrieveApplication(APPLICATION));
    const elsewhere = new FusionAuthClient(KEY, URL, uuid());
    const body = await refused(elsewhere.retrieveApplication(APPLICATION), 400);
    assert.equal(typeof body, 'object', 'a 400 must have JSON');
  });
}
