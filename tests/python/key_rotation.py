"""PyJWT at the key set, while keys are replaced under it.

Argument: the server's URL. Its clients es, ed and rs get tokens of one algorithm each. Whoever holds a key set that was
fetched at most max-age ago must be able to check every token that is issued meanwhile, without asking again.
"""

import re
import sys
import time

import jwt
import requests

ALGS = {"es": "ES256", "ed": "EdDSA", "rs": "RS256"}
LOGIN, PASSWORD = "alice@example.com", "correct horse battery staple"
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "sid"]
KEYS_SEEN = 3
GIVE_UP = 300


class Sets:
    """Key sets with the instant before each was asked for: a cache counts its age from there at the latest."""

    def __init__(self, url):
        self.url, self.held, self.max_age = url + "/.well-known/jwks.json", [], None

    def fetch(self):
        asked = time.time()
        answer = requests.get(self.url)
        assert answer.headers["Content-Type"] == "application/json", answer.headers
        self.max_age = int(re.fullmatch(r"public, max-age=(\d+)", answer.headers["Cache-Control"]).group(1))
        self.held.append((asked, jwt.PyJWKSet.from_dict(answer.json())))

    def fresh(self, now):
        self.held = [(asked, keys) for asked, keys in self.held if now - asked <= self.max_age]
        return self.held


def main(url):
    sets, tokens, seen = Sets(url), [], {alg: [] for alg in ALGS.values()}
    begin, oldest = time.time(), 0.0
    # Goes on until every algorithm had some keys, and a set was of use when it was nearly too old.
    while any(len(kids) < KEYS_SEEN for kids in seen.values()) or oldest < 0.8 * sets.max_age:
        assert time.time() - begin < GIVE_UP, f"keys are not replaced: {seen}"
        sets.fetch()
        for client, alg in ALGS.items():
            token = log_in(url, client)
            now = time.time()
            kid = jwt.get_unverified_header(token)["kid"]
            for asked, keys in sets.fresh(now):
                verify(url, token, keys[kid], alg)
                oldest = max(oldest, now - asked)
            tokens.append((token, alg))
            if kid not in seen[alg]:
                seen[alg].append(kid)
        time.sleep(0.02)

    # Tokens of replaced keys are verified by a set fetched now, and by PyJWT's own client.
    client = jwt.PyJWKClient(sets.url)
    for token, alg in tokens:
        verify(url, token, client.get_signing_key_from_jwt(token), alg)
    forged_is_refused(url, tokens, client)


def log_in(url, client):
    form = {"grant_type": "password", "username": LOGIN, "password": PASSWORD, "scope": "openid email cart"}
    answer = requests.post(url + "/oauth2/token", data=form, auth=(client, client + "-secret"))
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def verify(url, token, key, alg):
    header = jwt.get_unverified_header(token)
    assert header == {"typ": "at+jwt", "alg": alg, "kid": key.key_id}, header
    audience = "https://api.example.com"
    claims = jwt.decode(
        token, key, algorithms=[alg], audience=audience, issuer=url, options={"require": REQUIRED, "strict_aud": True}
    )
    assert claims["email"] == LOGIN and claims["roles"] == ["shopper"] and claims["scope"] == "cart email openid", claims


def forged_is_refused(url, tokens, client):
    """That verification means something: a changed token, and another audience."""
    token, alg = tokens[0]
    key = client.get_signing_key_from_jwt(token)
    head, body, signature = token.split(".")
    other = tokens[-1][0].split(".")[1]
    for bad, audience in [(f"{head}.{other}.{signature}", "https://api.example.com"), (token, url)]:
        try:
            jwt.decode(bad, key, algorithms=[alg], audience=audience, issuer=url)
        except (jwt.InvalidSignatureError, jwt.InvalidAudienceError):
            continue
        raise AssertionError("a forged token was believed")


main(sys.argv[1])
