'use strict';
// Every form in which the clients revoke.

const { assert, check, done, good, refused, refusedSilently, uuid } = require('../checks.js');

/** Of two sessions, one ends and the other goes on. */
async function one(world, revoke) {
  const [kept, ended] = [await world.login(), await world.login()];
  await done(revoke(ended));
  await world.over(ended);
  await world.alive(kept);
}

/** All sessions of the user end, and the next login begins another. */
async function all(world, revoke) {
  const ended = [await world.login(), await world.login(world.forum)];
  await done(revoke());
  for (const session of ended) await world.over(session);
  assert.deepEqual(await good(world.api.retrieveRefreshTokens(world.id)), {});
  await world.alive(await world.login());
}

/** Sessions at the forum end, those at the shop go on. */
async function there(world, revoke) {
  const [kept, ended] = [await world.login(), await world.login(world.forum)];
  await done(revoke());
  await world.over(ended);
  await world.alive(kept);
  await world.alive(await world.login(world.forum));
}

module.exports = async (world) => {
  const { api, id, forum } = world;
  const byRequest = (request) => api.revokeRefreshTokensWithRequest(request);
  await check('a refresh token is revoked by its id', () => one(world, (ended) => api.revokeRefreshTokenById(ended.refreshTokenId)));
  await check('a refresh token is revoked by itself', () => one(world, (ended) => api.revokeRefreshTokenByToken(ended.refreshToken)));
  await check('a refresh token is revoked by itself, in the general form', () =>
    one(world, (ended) => api.revokeRefreshToken(ended.refreshToken, undefined, undefined)));
  await check('a refresh token is revoked by itself, in a request', () => one(world, (ended) => byRequest({ token: ended.refreshToken })));
  await check('all of a user are revoked', () => all(world, () => api.revokeRefreshTokensByUserId(id)));
  await check('all of a user are revoked, in the general form', () => all(world, () => api.revokeRefreshToken(null, id, null)));
  await check('all of a user are revoked, in a request', () => all(world, () => byRequest({ userId: id })));
  await check('those of a user at one application are revoked', () =>
    there(world, () => api.revokeRefreshTokensByUserIdForApplication(id, forum.id)));
  await check('those of a user at one application are revoked, in the general form', () =>
    there(world, () => api.revokeRefreshToken(null, id, forum.id)));
  await check('those of a user at one application are revoked, in a request', () =>
    there(world, () => byRequest({ userId: id, applicationId: forum.id })));
  await check('all of an application are revoked', () => there(world, () => api.revokeRefreshTokensByApplicationId(forum.id)));
  await check('all of an application are revoked, in the general form', () => there(world, () => api.revokeRefreshToken(null, null, forum.id)));
  await check('all of an application are revoked, in a request', () => there(world, () => byRequest({ applicationId: forum.id })));
  await check('a session of the password grant is revoked by its id', async () => {
    const login = await good(world.grant());
    await done(api.revokeRefreshTokenById(login.refresh_token_id));
    await world.over({ refreshToken: login.refresh_token, refreshTokenId: login.refresh_token_id, token: login.access_token });
    assert.deepEqual(await good(api.introspectAccessToken(world.shop.id, login.access_token)), { active: false });
  });
  await check('where nothing is named, nothing is revoked', async () => {
    const login = await world.login();
    await refused(api.revokeRefreshTokenById(null), 400);
    await refused(api.revokeRefreshToken(undefined, undefined, undefined), 400);
    await refused(byRequest({}), 400);
    await world.alive(login);
  });
  await check('what is not there is not revoked, and nobody revokes without the API key', async () => {
    const login = await world.login();
    await refusedSilently(api.revokeRefreshTokenById(uuid()), 404);
    await refusedSilently(world.anonymous.revokeRefreshTokenById(login.refreshTokenId), 401);
    await refusedSilently(world.anonymous.revokeRefreshTokensByUserId(id), 401);
    await world.alive(login);
  });
};
