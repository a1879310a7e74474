// A resource server that lets access tokens of Countersign in. Copy `Keys`, `verify` and `isActive`.
//
// Node 18 or newer and `npm install jose`. Reads one access token from each line of standard input and answers each with a
// line: `ok SUBJECT SCOPES`, or why not. Exit code 0 when all were good. COUNTERSIGN_URL is the issuer, AUDIENCE what your
// tokens are meant for (the issuer unless set). With --ask it also asks whether the token was revoked, as CLIENT_ID with
// CLIENT_SECRET.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { decodeProtectedHeader, errors, importJWK, jwtVerify } from "jose";

const TIMEOUT = 5_000; // milliseconds that a call may take
const LEEWAY = 5; // seconds that clocks may differ
const UNKNOWN = 60_000; // milliseconds until a key that is not there is a reason to fetch
const RETRY = 10_000; // until a failed fetch is tried again
const LONGEST = 3_600_000; // until keys that could not be fetched anew are too old

/** Answer 401: this token lets nobody in. */
export class Refused extends Error {}

/** Answer 503: whether it may is not known. */
export class Unavailable extends Error {}

/** The server's public keys, fetched when their max-age is over, and at most once a minute for a key not among them. */
export class Keys {
  #url;
  #keys = new Map();
  #due = -Infinity;
  #asked = -Infinity;
  #held = -Infinity;
  #fetching = null;

  constructor(url) {
    this.#url = `${url}/.well-known/jwks.json`;
  }

  async get(kid) {
    const now = performance.now();
    if (now >= this.#due || (!this.#keys.has(kid) && now >= this.#asked + UNKNOWN)) {
      this.#fetching ??= this.#fetch(now).finally(() => (this.#fetching = null));
    }
    await this.#fetching; // of many requests, one fetches
    if (performance.now() > this.#held + LONGEST) throw new Unavailable("the keys cannot be fetched");
    return this.#keys.get(kid);
  }

  async #fetch(now) {
    this.#asked = now;
    try {
      const answer = await fetch(this.#url, { signal: AbortSignal.timeout(TIMEOUT) });
      if (!answer.ok) throw new Error(answer.statusText);
      const { keys } = await answer.json();
      const known = keys.filter((key) => ["ES256", "EdDSA", "RS256"].includes(key.alg));
      const read = async (key) => [key.kid, { alg: key.alg, key: await importJWK(key, key.alg) }];
      this.#keys = new Map(await Promise.all(known.map(read)));
      const age = /max-age=(\d+)/.exec(answer.headers.get("cache-control"));
      [this.#held, this.#due] = [now, now + 1000 * (age ? Number(age[1]) : 0)];
    } catch {
      this.#due = now + RETRY; // until then with the keys that are there
    }
  }
}

/** The claims of a token that is genuine, ours to take, and not expired. Asks nobody: a revoked one is good until it expires. */
export async function verify(token, keys, issuer, audience) {
  try {
    const known = await keys.get(decodeProtectedHeader(token).kid);
    if (!known) throw new Refused("unknown key");
    const { payload } = await jwtVerify(token, known.key, {
      algorithms: [known.alg], // the key's, never the token's: "none" and HS256 with the public key are ways to forge one
      typ: "at+jwt", // without this an ID token, or whatever else the key signs, would do
      issuer,
      audience,
      clockTolerance: LEEWAY,
      requiredClaims: ["exp", "iss", "aud", "sub"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw new Refused(error.message);
    throw error;
  }
}

/** Whether the token is active at this moment. An answer may be kept for a few seconds, and no longer. */
export async function isActive(token, url, id, secret) {
  const formEncoded = (text) => new URLSearchParams({ "": text }).toString().slice(1);
  const basic = Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64");
  const options = { method: "POST", headers: { Authorization: `Basic ${basic}` }, body: new URLSearchParams({ token }) };
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    const answer = await fetch(`${url}/oauth2/introspect`, { ...options, redirect: "error", signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return (await answer.json()).active === true;
  } catch (error) {
    throw new Unavailable(error.message); // a 503 is one as well: let nobody in
  }
}

async function main(env) {
  const url = env.COUNTERSIGN_URL;
  const keys = new Keys(url);
  for await (const token of createInterface({ input: process.stdin })) {
    try {
      const claims = await verify(token, keys, url, env.AUDIENCE ?? url);
      if (process.argv.includes("--ask") && !(await isActive(token, url, env.CLIENT_ID, env.CLIENT_SECRET))) {
        throw new Refused("revoked");
      }
      console.log("ok", claims.sub, claims.scope ?? "");
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unavailable)) throw error;
      console.log(error instanceof Refused ? "refused:" : "unavailable:", error.message);
      process.exitCode = 1;
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.env);
