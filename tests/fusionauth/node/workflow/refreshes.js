'use strict';
// A session goes on.

const { assert, check, claims, good, header, refused, uuid } = require('../checks.js');
const { settings } = require('./world.js');

module.exports = async (world) => {
  await check('/api/jwt/refresh gives another token and the same refresh token, again and again', async () => {
    const login = await world.login();
    for (let round = 0; round < 3; round += 1) {
      const body = await good(world.refresh(login.refreshToken));
      assert.deepEqual([body.refreshToken, body.refreshTokenId], [login.refreshToken, login.refreshTokenId]);
      const said = claims(body.token);
      assert.deepEqual([said.sub, said.sid, said.authenticationType], [world.id, login.refreshTokenId, 'REFRESH_TOKEN']);
      assert.equal(said.auth_time, claims(login.token).auth_time);
      assert.notEqual(body.token, login.token);
    }
  });
  await check('the refresh grant gives another access token', async () => {
    const login = await good(world.grant());
    const { clientId, clientSecret } = world.shop.oauthConfiguration;
    const grant = world.api.exchangeRefreshTokenForAccessToken(login.refresh_token, clientId, clientSecret, null, null);
    const body = await good(grant);
    assert.notEqual(body.access_token, login.access_token);
    assert.deepEqual([body.refresh_token, body.refresh_token_id], [login.refresh_token, login.refresh_token_id]);
    assert.deepEqual(header(body.access_token).gty, ['refresh_token']);
  });
  await check('a refresh token of either door is good at the other', async () => {
    const login = await world.login();
    const { clientId, clientSecret } = world.shop.oauthConfiguration;
    const exchanged = world.api.exchangeRefreshTokenForAccessToken(login.refreshToken, clientId, clientSecret, null, null);
    await good(exchanged);
    await good(world.refresh((await good(world.grant())).refresh_token));
  });
  await check('a refresh token that is none is refused: 404 here, invalid_grant there', async () => {
    await refused(world.refresh('xRxGGEpVawiUak6He367W3oeOfh+1G1h1jcAAAA='), 404);
    const { clientId, clientSecret } = world.shop.oauthConfiguration;
    const grant = world.api.exchangeRefreshTokenForAccessToken('none', clientId, clientSecret, null, null);
    assert.equal((await refused(grant, 400)).error, 'invalid_grant');
  });
  await check('a refresh token for one use is replaced, and the session ends where it is used twice', async () => {
    const { application } = await good(world.api.createApplication(uuid(), settings('Once', 'OneTimeUse')));
    await good(world.api.register(world.id, { registration: { applicationId: application.id } }));
    const login = await world.login(application);
    const body = await good(world.refresh(login.refreshToken));
    assert.notEqual(body.refreshToken, login.refreshToken);
    assert.equal(body.refreshTokenId, login.refreshTokenId);
    const next = await good(world.refresh(body.refreshToken));
    await refused(world.refresh(login.refreshToken), 404);
    await world.over(next);
  });
};
