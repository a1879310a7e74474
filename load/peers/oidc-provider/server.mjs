// oidc-provider, set up to be asked what Countersign is asked: by a confidential client, without a browser.
//
//   PEER_PORT, PEER_ACCOUNTS   where it listens on loopback, and how many accounts user0@example.com, … there are
//   PEER_HASH                  Argon2id of their one password: KiB/PASSES/LANES
//   PEER_TOKENS                jwt, or opaque: oidc-provider introspects tokens that it keeps, and JWTs are not kept
//   PEER_STORE                 memory, or the file of a journal: an answer waits until what it changed is synced there
//   UV_THREADPOOL_SIZE         threads that hash
import { open } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import argon2 from '@node-rs/argon2';
import { Provider, errors } from 'oidc-provider';

const { PEER_PORT, PEER_ACCOUNTS, PEER_HASH, PEER_TOKENS, PEER_STORE } = process.env;
const AUDIENCE = 'https://api.example.com';
const PASSWORD = 'correct horse battery staple';
const [memoryCost, timeCost, parallelism] = PEER_HASH.split('/').map(Number);
const HASH = await argon2.hash(PASSWORD, { algorithm: argon2.Algorithm.Argon2id, memoryCost, timeCost, parallelism });
const accounts = new Set(Array.from({ length: Number(PEER_ACCOUNTS) }, (_, n) => `user${n}@example.com`));

// What is to be written while a sync is under way waits for the next one, and shares it: group commit.
class Journal {
  constructor(file) {
    this.file = file;
    this.lines = [];
    this.waiting = [];
    this.running = false;
  }

  write(line) {
    return new Promise((done, failed) => {
      this.lines.push(line);
      this.waiting.push({ done, failed });
      if (!this.running) this.run();
    });
  }

  async run() {
    this.running = true;
    while (this.lines.length > 0) {
      const text = `${this.lines.join('\n')}\n`;
      const waiting = this.waiting;
      this.lines = [];
      this.waiting = [];
      try {
        await this.file.appendFile(text);
        await this.file.datasync();
        waiting.forEach(({ done }) => done());
      } catch (error) {
        waiting.forEach(({ failed }) => failed(error));
      }
    }
    this.running = false;
  }
}

const journal = PEER_STORE === 'memory' ? undefined : new Journal(await open(PEER_STORE, 'a'));
const kept = new Map();
const ofGrant = new Map();

// The one that comes with it keeps a thousand things, and forgets the oldest: too few for the users of a measurement.
class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async change(what) {
    await journal?.write(JSON.stringify(what));
  }

  async upsert(id, payload) {
    const key = this.key(id);
    kept.set(key, payload);
    if (payload.grantId && this.model !== 'Grant') {
      const keys = ofGrant.get(payload.grantId) ?? [];
      keys.push(key);
      ofGrant.set(payload.grantId, keys);
    }
    await this.change({ key, payload });
  }

  async find(id) {
    return kept.get(this.key(id));
  }

  async findByUid() {
    return undefined;
  }

  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
    await this.change({ key: this.key(id), consumed: true });
  }

  async destroy(id) {
    kept.delete(this.key(id));
    await this.change({ key: this.key(id), destroyed: true });
  }

  async revokeByGrantId(grantId) {
    (ofGrant.get(grantId) ?? []).forEach((key) => kept.delete(key));
    ofGrant.delete(grantId);
    await this.change({ grantId, revoked: true });
  }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const api = {
  scope: 'cart',
  audience: AUDIENCE,
  accessTokenTTL: 300,
  accessTokenFormat: PEER_TOKENS === 'jwt' ? 'jwt' : 'opaque',
  ...(PEER_TOKENS === 'jwt' && { jwt: { sign: { alg: 'ES256' } } }),
};

const provider = new Provider(`http://127.0.0.1:${PEER_PORT}`, {
  adapter: Adapter,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'one' }] },
  clients: [{
    client_id: 'store',
    client_secret: 'store-secret',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['password', 'refresh_token', 'client_credentials'],
    id_token_signed_response_alg: 'ES256',
    redirect_uris: [],
    response_types: [],
  }],
  scopes: ['openid', 'offline_access', 'cart'],
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: { AccessToken: 300, ClientCredentials: 300, RefreshToken: 14 * 24 * 3600, Grant: 14 * 24 * 3600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => AUDIENCE,
      getResourceServerInfo: async () => api,
      useGrantedResource: async () => true,
    },
  },
});

// It has no password grant of its own: this is what one looks like, by its own way to add grants.
provider.registerGrantType('password', async (ctx) => {
  const { client, params } = ctx.oidc;
  const known = accounts.has(params.username);
  const right = await argon2.verify(HASH, params.password ?? '');
  if (!known || !right) throw new errors.InvalidGrant('wrong credentials');
  const grant = new provider.Grant({ accountId: params.username, clientId: client.clientId });
  grant.addResourceScope(AUDIENCE, 'cart');
  const grantId = await grant.save();
  const common = { accountId: params.username, client, grantId, gty: 'password', scope: 'cart' };
  const access = new provider.AccessToken({ ...common, expiresIn: 300 });
  access.resourceServer = new provider.ResourceServer(AUDIENCE, api);
  const refresh = new provider.RefreshToken({ ...common, resource: AUDIENCE, rotations: 0 });
  const [access_token, refresh_token] = [await access.save(), await refresh.save()];
  ctx.body = { access_token, refresh_token, expires_in: 300, token_type: 'Bearer', scope: 'cart' };
}, ['username', 'password', 'scope']);

const server = provider.listen(Number(PEER_PORT), '127.0.0.1', () => console.log(`listening on ${provider.issuer}`));
server.keepAliveTimeout = 75_000;
process.on('SIGTERM', () => process.exit(0));
