"""What is told of tokens, and what other tokens are made."""

from checks import ADMIN_KEY, check, claims, client, good, header, refused, refused_silently, same, uuid


def run(world):
    judged(world)
    listed(world)
    made(world)


def judged(world):
    token, shop = world.login()["token"], world.shop["id"]

    def validated():
        same(good(world.api.validate_jwt(token))["jwt"], claims(token))
        refused_silently(world.api.validate_jwt("none"), 401)
        refused_silently(world.api.validate_jwt(token[:-8] + "AAAAAAAA"), 401)

    check("validate tells what a good token says, and refuses what is none", validated)

    def introspected():
        body = good(world.api.introspect_access_token(shop, token))
        same((body["active"], body["sub"], body["applicationId"]), (True, world.id, shop))

    check("introspection tells what a good token says", introspected)
    inactive = {"active": False}
    none = lambda: same(good(world.api.introspect_access_token(shop, "none")), inactive)
    check("introspection tells nothing of what is no token", none)
    other = lambda: refused(world.api.introspect_access_token(world.forum["id"], token), 401)
    check("introspection in another application's name is refused", other)

    def userinfo():
        access = good(world.grant(scope="openid email"))["access_token"]
        body = good(world.api.retrieve_user_info_from_access_token(access))
        same((body["sub"], body["email"]), (world.id, world.email))
        refused(world.api.retrieve_user_info_from_access_token("none"), 401)

    check("userinfo tells who it is, and refuses what is no token", userinfo)


def listed(world):
    def all():
        login = world.login()
        tokens = good(world.api.retrieve_refresh_tokens(world.id))["refreshTokens"]
        found = next(one for one in tokens if one["id"] == login["refreshTokenId"])
        same((found["applicationId"], found["userId"]), (world.shop["id"], world.id))
        assert "token" not in found
        assert found["startInstant"] >= found["insertInstant"] and "metaData" in found, found

    check("refresh tokens are listed by their ids, without the tokens themselves", all)

    def one():
        login = world.login()
        found = good(world.api.retrieve_refresh_token_by_id(login["refreshTokenId"]))["refreshToken"]
        same((found["id"], found["userId"]), (login["refreshTokenId"], world.id))
        refused_silently(world.api.retrieve_refresh_token_by_id(uuid()), 404)

    check("a refresh token is found by its id", one)

    def device():
        told = {"name": "Alice's phone", "description": "A phone", "type": "MOBILE"}
        login = good(world.api.login({**world.request(), "metaData": {"device": told}}))
        found = good(world.api.retrieve_refresh_token_by_id(login["refreshTokenId"]))["refreshToken"]
        same(found["metaData"]["device"]["name"], "Alice's phone")

    check("the device of a login is listed with its refresh token", device)


def made(world):
    def issued():
        login = world.login()
        said = claims(good(world.api.issue_jwt(world.forum["id"], login["token"]))["token"])
        same((said["aud"], said["sub"], said["roles"]), (world.forum["id"], world.id, ["admin"]))
        assert said["exp"] <= claims(login["token"])["exp"], "it lives longer"

    check("a token is issued for another application, and lives no longer than the first one", issued)

    def vended():
        request = {"claims": {"id": "a7", "exp": 1}, "timeToLiveInSeconds": 60}
        said = claims(good(client(ADMIN_KEY).vend_jwt(request))["token"])
        same((said["id"], said["exp"] - said["iat"]), ("a7", 60))
        assert said["iss"] and said["jti"], said
        refused_silently(world.api.vend_jwt({"claims": {}}), 401)

    check("a token is made with claims of the caller, who must be an administrator", vended)

    def published():
        kid = header(world.login()["token"])["kid"]
        keys = good(world.anonymous.retrieve_json_web_key_set())["keys"]
        assert any(key["kid"] == kid for key in keys), "no such key in jwks.json"
        key = good(world.anonymous.retrieve_jwt_public_key(kid))["publicKey"]
        assert key.startswith("-----BEGIN PUBLIC KEY-----\n"), key
        same(good(world.anonymous.retrieve_jwt_public_keys())["publicKeys"][kid], key)
        found = good(world.anonymous.retrieve_open_id_configuration())
        assert found["issuer"] and found["token_endpoint"], found

    check("the keys that verify tokens are published in both forms", published)
