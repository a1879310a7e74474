'use strict';
// What is told of tokens.

const { ADMIN_KEY, assert, check, claims, client, good, refused, refusedSilently, uuid } = require('../checks.js');

module.exports = async (world) => {
  await judged(world);
  await listed(world);
  await made(world);
};

async function judged(world) {
  const { token } = await world.login();
  await check('validate tells what a good token says, and refuses what is none', async () => {
    const { jwt } = await good(world.api.validateJWT(token));
    assert.deepEqual(jwt, claims(token));
    await refusedSilently(world.api.validateJWT('none'), 401);
    await refusedSilently(world.api.validateJWT(`${token.slice(0, -8)}AAAAAAAA`), 401);
  });
  await check('introspection tells what a good token says', async () => {
    const body = await good(world.api.introspectAccessToken(world.shop.id, token));
    assert.deepEqual([body.active, body.sub, body.applicationId], [true, world.id, world.shop.id]);
  });
  await check('introspection tells nothing of what is no token', async () => {
    assert.deepEqual(await good(world.api.introspectAccessToken(world.shop.id, 'none')), { active: false });
  });
  await check("introspection in another application's name is refused", async () => {
    await refused(world.api.introspectAccessToken(world.forum.id, token), 401);
  });
  await check('userinfo tells who it is, and refuses what is no token', async () => {
    const { access_token: access } = await good(world.grant(world.shop, world.password, 'openid email'));
    const body = await good(world.api.retrieveUserInfoFromAccessToken(access));
    assert.deepEqual([body.sub, body.email], [world.id, world.email]);
    await refused(world.api.retrieveUserInfoFromAccessToken('none'), 401);
  });
}

async function listed(world) {
  await check('refresh tokens are listed by their ids, without the tokens themselves', async () => {
    const login = await world.login();
    const { refreshTokens } = await good(world.api.retrieveRefreshTokens(world.id));
    const found = refreshTokens.find((one) => one.id === login.refreshTokenId);
    assert.deepEqual([found.applicationId, found.userId, found.token], [world.shop.id, world.id, undefined]);
    assert.ok(found.startInstant >= found.insertInstant && found.metaData, JSON.stringify(found));
  });
  await check('a refresh token is found by its id', async () => {
    const login = await world.login();
    const { refreshToken } = await good(world.api.retrieveRefreshTokenById(login.refreshTokenId));
    assert.deepEqual([refreshToken.id, refreshToken.userId], [login.refreshTokenId, world.id]);
    await refusedSilently(world.api.retrieveRefreshTokenById(uuid()), 404);
  });
  await check('the device of a login is listed with its refresh token', async () => {
    const device = { name: "Alice's phone", description: 'A phone', type: 'MOBILE' };
    const login = await good(world.api.login({ ...world.request(), metaData: { device } }));
    const { refreshToken } = await good(world.api.retrieveRefreshTokenById(login.refreshTokenId));
    assert.equal(refreshToken.metaData.device.name, "Alice's phone");
  });
}

async function made(world) {
  await check('a token is issued for another application, and lives no longer than the first one', async () => {
    const login = await world.login();
    const body = await good(world.api.issueJWT(world.forum.id, login.token, undefined));
    const said = claims(body.token);
    assert.deepEqual([said.aud, said.sub, said.roles], [world.forum.id, world.id, ['admin']]);
    assert.ok(said.exp <= claims(login.token).exp, 'it lives longer');
  });
  await check('a token is made with claims of the caller, who must be an administrator', async () => {
    const { token } = await good(client(ADMIN_KEY).vendJWT({ claims: { id: 'a7', exp: 1 }, timeToLiveInSeconds: 60 }));
    const said = claims(token);
    assert.deepEqual([said.id, said.exp - said.iat], ['a7', 60]);
    assert.ok(said.iss && said.jti, JSON.stringify(said));
    await refusedSilently(world.api.vendJWT({ claims: {} }), 401);
  });
  await check('the keys that verify tokens are published in both forms', async () => {
    const { token } = await world.login();
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());
    const { keys } = await good(world.anonymous.retrieveJsonWebKeySet());
    assert.ok(keys.some((key) => key.kid === kid), 'no such key in jwks.json');
    const { publicKey } = await good(world.anonymous.retrieveJWTPublicKey(kid));
    assert.match(publicKey, /^-----BEGIN PUBLIC KEY-----\n/);
    const { publicKeys } = await good(world.anonymous.retrieveJWTPublicKeys());
    assert.equal(publicKeys[kid], publicKey);
    const found = await good(world.anonymous.retrieveOpenIdConfiguration());
    assert.ok(found.issuer && found.token_endpoint, JSON.stringify(found));
  });
}
