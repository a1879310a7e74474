'use strict';
// The password changes, and every session ends by it.

const { PASSWORD, OTHER_PASSWORD, assert, check, done, good, refused, refusedSilently } = require('../checks.js');

/** After a change, what was there before is over and only the new password is good. */
async function changed(world, before, to) {
  await world.over(before);
  await refusedSilently(world.api.login(world.request()), 404);
  world.password = to;
  await world.alive(await world.login());
}

module.exports = async (world) => {
  await check('who forgot the password changes it by an id, which is good once', async () => {
    const before = await world.login();
    const request = { loginId: world.email, sendForgotPasswordEmail: false };
    const { changePasswordId } = await good(world.api.forgotPassword(request));
    await done(world.api.checkChangePasswordUsingId(changePasswordId));
    await good(world.api.changePassword(changePasswordId, { password: OTHER_PASSWORD }));
    await refusedSilently(world.api.changePassword(changePasswordId, { password: OTHER_PASSWORD }), 404);
    await changed(world, before, OTHER_PASSWORD);
  });
  await check('a backend changes the password by the login, with the API key', async () => {
    const before = await world.login();
    const request = { loginId: world.email, currentPassword: OTHER_PASSWORD, password: PASSWORD };
    await done(world.api.changePasswordByIdentity(request));
    await changed(world, before, PASSWORD);
  });
  await check('the user changes the password with a token', async () => {
    const before = await world.login();
    const request = { currentPassword: PASSWORD, password: OTHER_PASSWORD };
    const wrong = { ...request, currentPassword: 'a wrong long password' };
    await refusedSilently(world.api.changePasswordUsingJWT(before.token, wrong), 404);
    await good(world.api.changePasswordUsingJWT(before.token, request));
    await changed(world, before, OTHER_PASSWORD);
  });
  await check('a backend sets the password with the user', async () => {
    const before = await world.login();
    await good(world.api.patchUser(world.id, { user: { password: PASSWORD } }));
    await changed(world, before, PASSWORD);
  });
  await check('a common password is refused by name', async () => {
    const body = await refused(world.api.patchUser(world.id, { user: { password: 'password' } }), 400);
    assert.equal(body.fieldErrors['user.password'][0].code, '[breachedCommonPassword]user.password');
  });
};
