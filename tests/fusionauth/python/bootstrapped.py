"""Applications and users that the bootstrap file of tests/server/fusionauth/official.rs made. The program of the same name for Node
makes the same checks."""

from checks import OTHER_PASSWORD, PASSWORD, check, claims, client, done, good, refused, refused_silently, same

STORE = "10000000-0000-0002-0000-000000000001"
SECRET = "a secret: 50% + é"
PHONE = "10000000-0000-0002-0000-000000000002"
ALICE, LOGIN = "00000000-0000-0001-0000-000000000000", "alice@example.com"


def main():
    api = client()
    found(api)
    sessions(api)
    changed(api)


def found(api):
    def application():
        body = good(api.retrieve_application(STORE))["application"]
        same((body["id"], body["name"], body["oauthConfiguration"]["clientId"]), (STORE, "Store", STORE))

    check("an application of the file is found by its id, with its name", application)

    def user():
        for answer in (api.retrieve_user(ALICE), api.retrieve_user_by_email(LOGIN), api.retrieve_user_by_login_id(LOGIN)):
            body = good(answer)["user"]
            same((body["id"], body["email"]), (ALICE, LOGIN))
            same(body["registrations"][0]["applicationId"], STORE)
        registration = good(api.retrieve_registration(ALICE, STORE))["registration"]
        same((registration["applicationId"], registration["roles"]), (STORE, ["shopper"]))

    check("a user of the file is found by id, by e-mail address and by login, with the registration", user)


def sessions(api):
    request = {"applicationId": STORE, "loginId": LOGIN, "password": PASSWORD}

    def login_api():
        login = good(api.login(request))
        body = good(api.exchange_refresh_token_for_jwt({"refreshToken": login["refreshToken"]}))
        token, refresh = body["token"], body["refreshToken"]
        same(refresh, login["refreshToken"])
        same(good(api.validate_jwt(token))["jwt"]["roles"], ["shopper"])
        same(good(api.introspect_access_token(STORE, token))["active"], True)
        done(api.logout(False, refresh))
        refused(api.exchange_refresh_token_for_jwt({"refreshToken": refresh}), 404)
        same(good(api.introspect_access_token(STORE, token)), {"active": False})

    check("/api/login, then refreshed, validated, introspected and logged out", login_api)

    def grant():
        login = good(api.exchange_user_credentials_for_access_token(LOGIN, PASSWORD, STORE, SECRET))
        body = good(api.exchange_refresh_token_for_access_token(login["refresh_token"], STORE, SECRET))
        same(body["refresh_token"], login["refresh_token"])
        same(good(api.retrieve_user_info_from_access_token(login["access_token"]))["sub"], ALICE)

    check("the password grant without a scope, then refreshed by the grant", grant)

    def public():
        def grant(secret):
            return api.exchange_user_credentials_for_access_token("carol", PASSWORD, PHONE, secret, "openid")

        login = good(grant(None))
        same(claims(login["access_token"])["preferred_username"], "carol")
        good(api.exchange_refresh_token_for_access_token(login["refresh_token"], PHONE))
        same(refused(grant("any"), 401)["error"], "invalid_client")

    check("an application without a secret: the grant is good without one, and refused with any", public)


def changed(api):
    def must():
        request = {"applicationId": STORE, "loginId": "bob@example.com", "password": PASSWORD}
        body = good(api.login(request), 203)
        same((body["changePasswordReason"], "token" in body), ("Administrative", False))
        good(api.change_password(body["changePasswordId"], {"password": OTHER_PASSWORD}))
        refused_silently(api.login(request), 404)
        user = good(api.login({**request, "password": OTHER_PASSWORD}))["user"]
        same(user["passwordChangeRequired"], False)

    check("who must change the password gets 203 and an id, changes it by that, and logs in", must)
