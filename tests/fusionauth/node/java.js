'use strict';
// fusionauth-java-client, FusionAuthClientTest.java (switched off there), and latte-java/fusionauth, which ran at a live server.

const { PASSWORD, assert, check, client, done, good, refused, refusedSilently, uuid } = require('./checks.js');

module.exports = async () => {
  const fusionauth = client();
  const request = { loginId: 'forgetful@fusionauth.io', sendForgotPasswordEmail: false };
  const { user } = await good(fusionauth.createUser(null, { user: { email: request.loginId, password: PASSWORD } }));
  await check('A108', async () => {
    const { changePasswordId } = await good(fusionauth.forgotPassword(request));
    assert.ok(changePasswordId, 'no changePasswordId');
  });
  await check('A109', () => done(client(null).forgotPassword(request)));
  await done(fusionauth.deleteUser(user.id));
  await check('A110', async () => {
    const { fieldErrors } = await refused(fusionauth.createApplication(uuid(), { application: {} }), 400);
    const errors = fieldErrors['application.name'];
    assert.ok(errors.length > 0, JSON.stringify(fieldErrors));
    for (const error of errors) assert.equal(typeof error.code, 'string');
  });
  await latte(fusionauth);
};

/** What the tests of latte-java ask besides. */
async function latte(fusionauth) {
  await check('A111', async () => {
    const id = uuid();
    await good(fusionauth.createApplication(id, { application: { name: 'Latte' } }));
    assert.equal((await good(fusionauth.retrieveApplication(id))).application.name, 'Latte');
    const changed = await good(fusionauth.updateApplication(id, { application: { name: 'Latte updated' } }));
    assert.equal(changed.application.name, 'Latte updated');
    await done(fusionauth.deleteApplication(id));
    await refusedSilently(fusionauth.retrieveApplication(id), 404);
    await refusedSilently(fusionauth.retrieveApplication(uuid()), 404);
  });
  await check('A112', () => good(client(null).retrieveSystemStatus()));
}
