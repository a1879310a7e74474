'use strict';
// Who gets in, and with what.

const { assert, check, claims, client, good, header, refused, refusedSilently, uuid } = require('../checks.js');
const { settings } = require('./world.js');

module.exports = async (world) => {
  await made(world);
  await api(world);
  await grants(world);
};

async function made(world) {
  await check('an application has its id as client id, a secret and its roles in order', () => {
    const { oauthConfiguration, id, active, state, roles } = world.shop;
    assert.equal(oauthConfiguration.clientId, id);
    assert.ok(oauthConfiguration.clientSecret.length >= 32, 'too short a secret');
    assert.deepEqual([active, state], [true, 'Active']);
    assert.deepEqual(roles.map((role) => role.name), ['admin', 'shopper']);
  });
  await check('a user is told with the id and without the password', () => {
    const { user } = world.made;
    assert.deepEqual([user.email, user.firstName, user.active, user.password], [world.email, 'Alice', true, undefined]);
  });
  await check('a registration without roles gets those of the application that are for everybody', () => {
    assert.deepEqual(world.registered.registration.roles, ['shopper']);
    assert.equal(world.registered.user, undefined);
  });
}

async function api(world) {
  await check('/api/login gives a token, a refresh token and the user with all registrations', async () => {
    const { token, tokenExpirationInstant, refreshToken, refreshTokenId, user } = await world.login();
    assert.equal(user.id, world.id);
    assert.equal(user.registrations.length, 2);
    const said = claims(token);
    assert.equal(tokenExpirationInstant, said.exp * 1000);
    assert.equal(said.sid, refreshTokenId);
    assert.ok(refreshToken.length > 20);
  });
  await check('a token says who, where, how and with which roles', async () => {
    const { token } = await world.login();
    const said = claims(token);
    assert.deepEqual(
      [said.aud, said.applicationId, said.sub, said.email, said.email_verified, said.roles, said.authenticationType],
      [world.shop.id, world.shop.id, world.id, world.email, true, ['shopper'], 'PASSWORD'],
    );
    assert.equal(header(token).typ, 'JWT');
    // Lives of tokens are drawn, up to a twentieth shorter than was set.
    const lives = said.exp - said.iat;
    assert.ok(lives >= 285 && lives <= 300, `${lives} seconds`);
  });
  await check('a wrong password and an unknown login are refused alike, without a body', async () => {
    await refusedSilently(world.api.login(world.request(world.shop, 'a wrong long password')), 404);
    await refusedSilently(world.api.login({ ...world.request(), loginId: 'nobody@example.com' }), 404);
  });
  await check('/api/login without the API key is refused, without a body', async () => {
    await refusedSilently(world.anonymous.login(world.request()), 401);
    await refusedSilently(client('0123456789012345678901234567890123456789').login(world.request()), 401);
  });
  await check('who is not registered gets 202, a token without roles and no refresh token', async () => {
    const { application } = await good(world.api.createApplication(null, settings('Elsewhere')));
    const body = await good(world.api.login(world.request(application)), 202);
    const said = claims(body.token);
    assert.deepEqual([body.refreshToken, said.applicationId, said.roles], [undefined, undefined, undefined]);
    assert.equal(body.user.id, world.id);
  });
  await check('a login ping is a login without a password', async () => {
    const { user } = await good(world.api.loginPing(world.id, world.shop.id, undefined));
    assert.equal(user.id, world.id);
    await good(world.api.loginPingWithRequest({ userId: world.id, applicationId: world.shop.id }));
    await refusedSilently(world.api.loginPing(uuid(), world.shop.id, undefined), 404);
  });
}

async function grants(world) {
  await check('the password grant gives an access token and a refresh token', async () => {
    const body = await good(world.grant());
    assert.deepEqual([body.token_type, body.userId], ['Bearer', world.id]);
    assert.ok(body.expires_in > 0 && body.expires_in <= 300, `${body.expires_in} seconds`);
    assert.ok(body.refresh_token && body.refresh_token_id, JSON.stringify(Object.keys(body)));
    const said = claims(body.access_token);
    assert.deepEqual(
      [said.aud, said.sub, said.roles, said.sid], [world.shop.id, world.id, ['shopper'], body.refresh_token_id],
    );
    assert.deepEqual(header(body.access_token).gty, ['password']);
  });
  await check('the password grant with a wrong password is refused with invalid_grant', async () => {
    const body = await refused(world.grant(world.shop, 'a wrong long password'), 400);
    assert.equal(body.error, 'invalid_grant');
    assert.equal(body.error_reason, 'invalid_user_credentials');
  });
  await check('the password grant with a wrong secret is refused with invalid_client', async () => {
    const wrong = { ...world.shop, oauthConfiguration: { clientId: world.shop.id, clientSecret: 'wrong' } };
    assert.equal((await refused(world.grant(wrong), 401)).error, 'invalid_client');
  });
}
