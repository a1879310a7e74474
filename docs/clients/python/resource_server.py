"""A resource server that lets access tokens of Countersign in. Copy `Keys`, `verify` and `is_active`.

Python 3.9 or newer and `pip install "pyjwt[crypto]"`. Reads one access token from each line of standard input and answers
each with a line: `ok SUBJECT SCOPES`, or why not. Exit code 0 when all were good. COUNTERSIGN_URL is the issuer, AUDIENCE
what your tokens are meant for (the issuer unless set). With --ask it also asks whether the token was revoked, as CLIENT_ID
with CLIENT_SECRET.
"""

import base64
import http.client
import json
import os
import re
import sys
import threading
import time
import urllib.request
from urllib.parse import quote_plus, urlencode

import jwt

TIMEOUT, LEEWAY = 5, 5  # seconds a call may take; seconds that clocks may differ
UNKNOWN, RETRY, LONGEST = 60, 10, 3600  # seconds until an unknown key, or a failed fetch, is a reason to fetch; until keys are too old


class Refused(Exception):
    """Answer 401: this token lets nobody in."""


class Unavailable(Exception):
    """Answer 503: whether it may is not known."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # secrets go where they are sent, and nowhere else


class Keys:
    """The server's public keys, fetched when their max-age is over, and at most once a minute for a key not among them."""

    def __init__(self, url):
        self.url, self.lock, self.keys = url + "/.well-known/jwks.json", threading.Lock(), {}
        self.due = self.asked = self.held = float("-inf")

    def get(self, kid):
        with self.lock:
            now = time.monotonic()
            if now >= self.due or (kid not in self.keys and now >= self.asked + UNKNOWN):
                self.asked = now
                try:
                    with urllib.request.urlopen(self.url, timeout=TIMEOUT) as answer:
                        age = re.search(r"max-age=(\d+)", answer.headers.get("Cache-Control", ""))
                        self.keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(json.load(answer)).keys}
                    self.held, self.due = now, now + (int(age[1]) if age else 0)
                except (OSError, ValueError, http.client.HTTPException, jwt.PyJWTError):
                    self.due = now + RETRY  # until then with the keys that are there
            if now > self.held + LONGEST:
                raise Unavailable("the keys cannot be fetched")
            return self.keys.get(kid)


def verify(token, keys, issuer, audience):
    """The claims of a token that is genuine, ours to take, and not expired. Asks nobody: a revoked one is good until it expires."""
    try:
        header = jwt.get_unverified_header(token)
        key = keys.get(header.get("kid"))
        if key is None:
            raise Refused("unknown key")
        # Without this an ID token, or whatever else the key signs, would do.
        if str(header.get("typ")).lower() != "at+jwt":
            raise Refused("wrong typ")
        # The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
        return jwt.decode(
            token, key, algorithms=[key.algorithm_name], issuer=issuer, audience=audience, leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )  # fmt: skip
    except (jwt.PyJWTError, RecursionError) as error:  # the latter of JSON that is a thousand lists deep
        raise Refused(str(error)) from None


def is_active(token, url, client_id, secret):
    """Whether the token is active at this moment. An answer may be kept for a few seconds, and no longer."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    request = urllib.request.Request(url + "/oauth2/introspect", urlencode({"token": token}).encode(), headers)
    try:
        with urllib.request.build_opener(NoRedirects).open(request, timeout=TIMEOUT) as answer:
            return json.load(answer)["active"] is True
    except (OSError, ValueError, http.client.HTTPException) as error:  # a 503 is one as well: let nobody in
        raise Unavailable(str(error)) from None


def main():
    url, good = os.environ["COUNTERSIGN_URL"], True
    keys, audience = Keys(url), os.environ.get("AUDIENCE", url)
    for line in sys.stdin:
        try:
            claims = verify(line.strip(), keys, url, audience)
            if "--ask" in sys.argv and not is_active(line.strip(), url, os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]):
                raise Refused("revoked")
            print("ok", claims["sub"], claims.get("scope", ""), flush=True)
        except Refused as refused:
            good = False
            print("refused:", refused, flush=True)
        except Unavailable as unavailable:
            good = False
            print("unavailable:", unavailable, flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
