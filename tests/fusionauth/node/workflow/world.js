'use strict';
// Who and what the workflows are about.

const { PASSWORD, assert, client, good, refused, uuid } = require('../checks.js');

/** How an application asks for what the workflows use. */
const settings = (name, usage = 'Reusable') => ({
  application: {
    name,
    roles: [{ name: 'admin', isSuperRole: true }, { name: 'shopper', isDefault: true }],
    loginConfiguration: { allowTokenRefresh: true, generateRefreshTokens: true, requireAuthentication: true },
    jwtConfiguration: {
      enabled: true,
      timeToLiveInSeconds: 300,
      refreshTokenTimeToLiveInMinutes: 60,
      refreshTokenUsagePolicy: usage,
      refreshTokenOneTimeUseConfiguration: { gracePeriodInSeconds: 0 },
    },
    oauthConfiguration: {
      enabledGrants: ['password', 'refresh_token'],
      generateRefreshTokens: true,
      clientAuthenticationPolicy: 'Required',
    },
  },
});

class World {
  /** Two applications and one user, who is registered at both. */
  static async made() {
    const world = new World();
    world.api = client();
    world.anonymous = client(null);
    world.shop = (await good(world.api.createApplication(uuid(), settings('Shop')))).application;
    world.forum = (await good(world.api.createApplication(null, settings('Forum')))).application;
    world.email = `alice-${uuid()}@example.com`;
    world.password = PASSWORD;
    const request = { user: { email: world.email, password: PASSWORD, firstName: 'Alice' } };
    world.made = await good(world.api.createUser(null, request));
    world.id = world.made.user.id;
    world.registered = await good(world.api.register(world.id, { registration: { applicationId: world.shop.id } }));
    await good(world.api.register(world.id, { registration: { applicationId: world.forum.id, roles: ['admin'] } }));
    return world;
  }

  /** What a login at an application asks. */
  request(application = this.shop, password = this.password) {
    return { applicationId: application.id, loginId: this.email, password };
  }

  /** Logs in at /api/login. */
  async login(application = this.shop) {
    const answer = await good(this.api.login(this.request(application)));
    assert.ok(answer.refreshToken && answer.refreshTokenId, JSON.stringify(Object.keys(answer)));
    return answer;
  }

  /** Asks for tokens by the password grant. */
  grant(application = this.shop, password = this.password, scope = 'openid offline_access') {
    const { clientId, clientSecret } = application.oauthConfiguration;
    return this.api.exchangeUserCredentialsForAccessToken(this.email, password, clientId, clientSecret, scope, null);
  }

  /** Refreshes at /api/jwt/refresh. */
  refresh(refreshToken) {
    return this.api.exchangeRefreshTokenForJWT({ refreshToken });
  }

  /** Whether a session goes on. */
  async alive({ refreshToken, token }) {
    await good(this.refresh(refreshToken));
    await good(this.api.validateJWT(token));
  }

  /** Whether a session is over, at every door. */
  async over({ refreshToken, refreshTokenId, token }) {
    await refused(this.refresh(refreshToken), 404);
    await refused(this.api.retrieveRefreshTokenById(refreshTokenId), 404);
    await refused(this.api.validateJWT(token), 401);
    await refused(this.api.retrieveUserInfoFromAccessToken(token), 401);
  }
}

module.exports = { World, settings };
