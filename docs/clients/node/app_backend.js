// An app's backend as a client of Countersign. Copy `Client` and `Session`; the end of the file is a run that shows every step.
//
// Node 18 or newer, no packages. The environment says where and who:
// COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

// Together less than the client's `retry_window`, after which a refresh that is repeated looks stolen.
const TIMEOUT = 5_000; // milliseconds that a call may take
const ATTEMPTS = 3; // calls for one answer
const LONGEST_WAIT = 3; // seconds between two

/** The server decided: no. With the code `invalid_grant`: show the login form. */
export class Refused extends Error {}

/** Nobody knows. The session is not over: tell the person to try again. */
export class Unavailable extends Error {}

const formEncoded = (text) => new URLSearchParams({ "": text }).toString().slice(1);
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, 1000 * count));

const codeOf = (text) => {
  try {
    return JSON.parse(text).error;
  } catch {
    return undefined; // of something that stands between
  }
};

export class Client {
  #url;
  #basic;

  constructor(url, id, secret) {
    this.#url = url;
    this.#basic = "Basic " + Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64");
  }

  /** Asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so. */
  async post(path, form, person) {
    const headers = { Authorization: this.#basic };
    if (person) {
      // Who asks *you*: by this a stolen token is told from the owner's.
      headers["X-Forwarded-For"] = person.address;
      headers["X-Forwarded-User-Agent"] = person.userAgent;
    }
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      let wait = 1;
      try {
        const options = { method: "POST", headers, body: new URLSearchParams(form), redirect: "manual" };
        const answer = await fetch(this.#url + path, { ...options, signal: AbortSignal.timeout(TIMEOUT) });
        const text = await answer.text();
        if (answer.ok) return text ? JSON.parse(text) : {};
        if (answer.status < 500) throw new Refused(codeOf(text) ?? `status ${answer.status}`);
        wait = Number(answer.headers.get("retry-after")) || 1;
      } catch (error) {
        if (error instanceof Refused || error instanceof SyntaxError) throw error;
        // No connection, no answer in time, or half of one.
      }
      if (attempt < ATTEMPTS) await seconds(Math.min(wait, LONGEST_WAIT));
    }
    throw new Unavailable(path);
  }

  refresh(refreshToken, person) {
    return this.post("/oauth2/token", { grant_type: "refresh_token", refresh_token: refreshToken }, person);
  }
}

/**
 * One login of one person. Keep the refresh token where your sessions are, encrypted, and never in a browser.
 *
 * Only one request at a time may refresh: the others wait for the same promise. Several processes need a lock that they share,
 * such as a row lock of your database (SELECT ... FOR UPDATE) around `accessToken`.
 */
export class Session {
  #client;
  #refreshing = null;

  constructor(client) {
    this.#client = client;
  }

  static async logIn(client, login, password, person) {
    const session = new Session(client);
    const form = { grant_type: "password", username: login, password, scope: "openid email" };
    session.#keep(performance.now(), await client.post("/oauth2/token", form, person));
    return session;
  }

  /** Stores the answer. First the refresh token: the one before is spent. */
  #keep(asked, tokens) {
    this.refreshToken = tokens.refresh_token;
    this.access = tokens.access_token;
    this.refreshAt = asked + 800 * tokens.expires_in;
  }

  async #refresh(person) {
    this.#keep(performance.now(), await this.#client.refresh(this.refreshToken, person));
  }

  /** An access token that is good for a while. `Refused` means that the session is over: forget it. */
  async accessToken(person) {
    if (performance.now() >= this.refreshAt) {
      this.#refreshing ??= this.#refresh(person).finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return this.access;
  }

  async logOut() {
    await this.#refreshing?.catch(() => {});
    await this.#client.post("/oauth2/revoke", { token: this.refreshToken });
  }
}

async function main(env) {
  const client = new Client(env.COUNTERSIGN_URL, env.CLIENT_ID, env.CLIENT_SECRET);
  const person = { address: "203.0.113.9", userAgent: "Store/1.0" };
  const session = await Session.logIn(client, env.LOGIN, env.PASSWORD, person);
  console.log("login: ok");
  if (env.RESOURCE_URL) {
    const headers = { Authorization: `Bearer ${await session.accessToken(person)}` };
    const { status } = await fetch(env.RESOURCE_URL, { headers, signal: AbortSignal.timeout(TIMEOUT) });
    assert.equal(status, 200);
    console.log("resource:", status);
  }
  const spent = session.refreshToken;
  session.refreshAt = 0; // as if the access token were about to expire
  const tokens = await Promise.all(Array.from({ length: 8 }, () => session.accessToken(person)));
  assert(new Set(tokens).size === 1 && session.refreshToken !== spent, "several requests refreshed");
  console.log("refresh: once for 8 requests");
  assert.equal((await client.refresh(spent, person)).refresh_token, session.refreshToken);
  console.log("the same refresh again: the same refresh token");
  await session.logOut();
  console.log("log out: ok");
  await assert.rejects(client.refresh(session.refreshToken, person), new Refused("invalid_grant"));
  console.log("refresh after log out: invalid_grant");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.env);
