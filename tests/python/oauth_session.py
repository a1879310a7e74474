"""requests-oauthlib at the token endpoint: login, refresh by itself across an expiry, and a revoked token.

Arguments: the server's URL, and how the client authenticates: basic or body.
"""

import os
import sys
import time

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import requests
from oauthlib.oauth2 import InvalidClientError, InvalidGrantError, LegacyApplicationClient, TokenExpiredError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

CLIENT, SECRET = "store", "store-secret"
LOGIN, PASSWORD = "alice@example.com", "correct horse battery staple"


def main(url, way):
    found = requests.get(url + "/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == url, found
    assert found == requests.get(url + "/.well-known/openid-configuration").json()
    assert {"password", "refresh_token"} <= set(found["grant_types_supported"]), found

    kept = []
    session = log_in(found, way, kept.append)
    assert session.token["token_type"] == "Bearer" and session.token["expires_in"] in (1, 2), session.token
    first = session.token["refresh_token"]

    refreshed_by_itself(session, found, way, kept)
    assert kept and all(token["refresh_token"] != first for token in kept), kept
    assert session.token["refresh_token"] == kept[-1]["refresh_token"]

    revoked_is_refused(session, found, way)
    wrong_is_refused(found, way)


def credentials(way, secret=SECRET):
    """What to add to a request of oauthlib so that the client authenticates in this way."""
    if way == "basic":
        return {"auth": HTTPBasicAuth(CLIENT, secret)}
    return {"client_id": CLIENT, "client_secret": secret}


def log_in(found, way, keep, secret=SECRET, password=PASSWORD):
    session = OAuth2Session(
        client=LegacyApplicationClient(client_id=CLIENT, scope=["openid", "email", "cart"]),
        auto_refresh_url=found["token_endpoint"],
        auto_refresh_kwargs={} if way == "basic" else {"client_id": CLIENT, "client_secret": SECRET},
        token_updater=keep,
    )
    in_body = {} if way == "basic" else {"include_client_id": True}
    session.fetch_token(
        found["token_endpoint"], username=LOGIN, password=password, **in_body, **credentials(way, secret)
    )
    return session


def refreshed_by_itself(session, found, way, kept):
    """A request with an expired access token refreshes first. On a slow machine the new one may expire on its way."""
    extra = {"client_id": CLIENT, "client_secret": SECRET} if way == "basic" else {}
    while True:
        time.sleep(max(0.0, session.token["expires_at"] - time.time()) + 0.05)
        before = len(kept)
        answer = session.get(found["userinfo_endpoint"], **extra)
        assert len(kept) == before + 1, "an expired token was not refreshed"
        claims = jwt.decode(session.token["access_token"], options={"verify_signature": False})
        if answer.status_code == 200:
            person = answer.json()
            assert person["sub"] == claims["sub"] and person["email"] == LOGIN, person
            return
        assert answer.status_code == 401 and time.time() >= claims["exp"], (answer.status_code, answer.text)


def revoked_is_refused(session, found, way):
    token, access = session.token["refresh_token"], session.token["access_token"]
    sent = {"token": token}
    auth = HTTPBasicAuth(CLIENT, SECRET) if way == "basic" else None
    if way == "body":
        sent |= {"client_id": CLIENT, "client_secret": SECRET}
    answer = requests.post(found["revocation_endpoint"], data=sent, auth=auth)
    assert (answer.status_code, answer.text) == (200, ""), answer.text
    answer = requests.get(found["userinfo_endpoint"], headers={"Authorization": "Bearer " + access})
    assert answer.status_code == 401 and answer.json()["error"] == "invalid_token", answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer"), answer.headers
    fails(InvalidGrantError, lambda: session.refresh_token(found["token_endpoint"], token, **credentials(way)))


def wrong_is_refused(found, way):
    fails(InvalidGrantError, lambda: log_in(found, way, None, password="wrong"))
    fails(InvalidClientError, lambda: log_in(found, way, None, secret="wrong"))


def fails(kind, attempt):
    try:
        attempt()
    except TokenExpiredError:
        raise
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


main(*sys.argv[1:])
