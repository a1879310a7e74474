"""An app's backend as a client of Countersign. Copy `Client` and `Session`; `main` is a run that shows every step.

Python 3.9 or newer, standard library only. The environment says where and who:
COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.
"""

import base64
import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_plus, urlencode

# Seconds a call may take, calls for one answer, seconds between two. Together less than the client's `retry_window`, after which a
# refresh that is repeated looks stolen.
TIMEOUT, ATTEMPTS, LONGEST_WAIT = 5, 3, 3


class Refused(Exception):
    """The server decided: no. `invalid_grant` means: show the login form."""


class Unavailable(Exception):
    """Nobody knows. The session is not over: tell the person to try again."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # secrets go where they are sent, and nowhere else


def code_of(error):
    try:
        return json.load(error)["error"]
    except (ValueError, TypeError, KeyError):
        return f"status {error.code}"  # of something that stands between


class Client:
    def __init__(self, url, client_id, secret):
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        self.url, self.basic = url, "Basic " + base64.b64encode(pair.encode()).decode()
        self.opener = urllib.request.build_opener(NoRedirects)

    def post(self, path, form, person=None):
        """Asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so."""
        # `person` is who asks *you*: by this a stolen token is told from the owner's.
        told = {"X-Forwarded-For": person[0], "X-Forwarded-User-Agent": person[1]} if person else {}
        request = urllib.request.Request(self.url + path, urlencode(form).encode(), {"Authorization": self.basic, **told})
        for attempt in range(ATTEMPTS):
            wait = 1
            try:
                with self.opener.open(request, timeout=TIMEOUT) as answer:
                    return json.loads(answer.read() or b"{}")
            except urllib.error.HTTPError as error:
                with error:
                    if error.code < 500:
                        raise Refused(code_of(error)) from None
                    after = error.headers.get("Retry-After", "")
                    wait = int(after) if after.isdecimal() else 1
            except (OSError, http.client.HTTPException):
                pass  # no connection, no answer in time, or half of one
            if attempt + 1 < ATTEMPTS:
                time.sleep(min(wait, LONGEST_WAIT))
        raise Unavailable(path)

    def refresh(self, refresh_token, person):
        return self.post("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": refresh_token}, person)


class Session:
    """One login of one person. Keep the refresh token where your sessions are, encrypted, and never in a browser.

    Only one request at a time may refresh, hence the lock. Several processes need one that they share: a row lock of
    your database (SELECT ... FOR UPDATE) around `access_token`.
    """

    def __init__(self, client, login, password, person):
        self.client, self.lock = client, threading.Lock()
        form = {"grant_type": "password", "username": login, "password": password, "scope": "openid email"}
        self.keep(time.monotonic(), client.post("/oauth2/token", form, person))

    def keep(self, asked, tokens):
        """Stores the answer. First the refresh token: the one before is spent."""
        self.refresh_token, self.access = tokens["refresh_token"], tokens["access_token"]
        self.refresh_at = asked + 0.8 * tokens["expires_in"]

    def access_token(self, person):
        """An access token that is good for a while. `Refused` means that the session is over: forget it."""
        with self.lock:
            asked = time.monotonic()
            if asked >= self.refresh_at:
                self.keep(asked, self.client.refresh(self.refresh_token, person))
            return self.access

    def log_out(self):
        with self.lock:
            self.client.post("/oauth2/revoke", {"token": self.refresh_token})


def main():
    env = os.environ
    client, person = Client(env["COUNTERSIGN_URL"], env["CLIENT_ID"], env["CLIENT_SECRET"]), ("203.0.113.9", "Store/1.0")
    session = Session(client, env["LOGIN"], env["PASSWORD"], person)
    print("login: ok")
    if "RESOURCE_URL" in env:
        bearer = {"Authorization": "Bearer " + session.access_token(person)}
        with client.opener.open(urllib.request.Request(env["RESOURCE_URL"], headers=bearer), timeout=TIMEOUT) as answer:
            print("resource:", answer.status)
    spent, session.refresh_at = session.refresh_token, 0  # as if the access token were about to expire
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: session.access_token(person), range(8)))
    assert len(tokens) == 1 and session.refresh_token != spent, "several requests refreshed"
    print("refresh: once for 8 requests")
    assert client.refresh(spent, person)["refresh_token"] == session.refresh_token, "another refresh token"
    print("the same refresh again: the same refresh token")
    session.log_out()
    print("log out: ok")
    try:
        client.refresh(session.refresh_token, person)
        raise SystemExit("a session that was logged out was refreshed")
    except Refused as refused:
        assert str(refused) == "invalid_grant", refused
        print("refresh after log out:", refused)


if __name__ == "__main__":
    main()
