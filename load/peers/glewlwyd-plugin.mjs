// Prints glewlwyd's OpenID Connect plugin, as its administration API takes it: the grants that are measured, one-time refresh
// tokens, and access tokens that are signed as ours are.
import { generateKeyPairSync } from 'node:crypto';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
const off = ['token', 'id-token', 'none', 'code', 'device', 'implicit'].map((type) => [`auth-type-${type}-enabled`, false]);
const on = ['password', 'client', 'refresh'].map((type) => [`auth-type-${type}-enabled`, true]);
console.log(JSON.stringify({
  module: 'oidc',
  name: 'oidc',
  display_name: 'oidc',
  parameters: {
    iss: process.argv[2],
    'jwks-private': JSON.stringify({ keys: [key] }),
    'default-kid': 'one',
    'access-token-duration': 300,
    'refresh-token-duration': 1209600,
    'code-duration': 600,
    'refresh-token-rolling': true,
    'refresh-token-one-use': 'always',
    ...Object.fromEntries([...off, ...on]),
    'allow-non-oidc': true,
    'introspection-revocation-allowed': true,
    'introspection-revocation-allow-target-client': true,
    'introspection-revocation-auth-scope': [],
    'oauth-dpop-iat-duration': 60,
    'secret-type': 'pairwise',
  },
}));
