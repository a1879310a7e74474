'use strict';
// Users and applications are switched off, switched on again, and deleted.

const { assert, check, done, good, refused, refusedSilently } = require('../checks.js');

module.exports = async (world) => {
  const { api, id } = world;
  let before;
  await check('a user who is deactivated is let in nowhere, and told so only with the right password', async () => {
    before = await world.login();
    await done(api.deactivateUser(id));
    await world.over(before);
    await refusedSilently(api.login(world.request()), 423);
    await refusedSilently(api.login(world.request(world.shop, 'a wrong long password')), 404);
    assert.equal((await refused(world.grant(), 400)).error, 'invalid_grant');
    assert.equal((await good(api.retrieveUser(id))).user.active, false);
  });
  await check('a user who is reactivated logs in again, and nothing of before comes back', async () => {
    const { user } = await good(api.reactivateUser(id));
    assert.equal(user.active, true);
    await world.over(before);
    await world.alive(await world.login());
  });
  await check('an application that is deactivated lets nobody in until it is reactivated', async () => {
    const session = await world.login(world.forum);
    await done(api.deactivateApplication(world.forum.id));
    await refused(world.refresh(session.refreshToken), 404);
    await refused(api.login(world.request(world.forum)), 400);
    assert.equal((await good(api.retrieveApplication(world.forum.id))).application.active, false);
    assert.equal((await good(api.reactivateApplication(world.forum.id))).application.active, true);
    await world.alive(await world.login(world.forum));
  });
  await check('a registration that is deleted ends the sessions there', async () => {
    const [kept, ended] = [await world.login(), await world.login(world.forum)];
    await done(api.deleteRegistration(id, world.forum.id));
    await world.over(ended);
    await world.alive(kept);
    await refusedSilently(api.retrieveRegistration(id, world.forum.id), 404);
    await good(api.login(world.request(world.forum)), 202);
  });
  await check('a user who is deleted is gone everywhere', async () => {
    const session = await world.login();
    await done(api.deleteUser(id));
    await world.over(session);
    await refusedSilently(api.retrieveUser(id), 404);
    await refusedSilently(api.retrieveUserByEmail(world.email), 404);
    await refusedSilently(api.login(world.request()), 404);
    await refusedSilently(api.deleteUser(id), 404);
  });
  await check('an application that is deleted is gone, and its login names it as unknown', async () => {
    await done(api.deleteApplication(world.shop.id));
    await refusedSilently(api.retrieveApplication(world.shop.id), 404);
    const body = await refused(api.login(world.request()), 400);
    assert.equal(body.fieldErrors.applicationId[0].code, '[invalid]applicationId');
  });
};
