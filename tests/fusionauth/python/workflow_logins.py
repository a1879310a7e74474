"""Who gets in and with what, and how a session goes on."""

from checks import check, claims, client, good, header, refused, refused_silently, same, uuid
from world import settings

WRONG = "a wrong long password"


def run(world):
    made(world)
    api(world)
    refused_or_not(world)
    grants(world)
    refreshes(world)
    once(world)


def made(world):
    def application():
        shop = world.shop
        same(shop["oauthConfiguration"]["clientId"], shop["id"])
        assert len(shop["oauthConfiguration"]["clientSecret"]) >= 32
        same((shop["active"], shop["state"]), (True, "Active"))
        same([role["name"] for role in shop["roles"]], ["admin", "shopper"])

    check("an application has its id as client id, a secret and its roles in order", application)

    def user():
        found = world.made["user"]
        same((found["email"], found["firstName"], found["active"]), (world.email, "Alice", True))
        assert "password" not in found

    check("a user is told with the id and without the password", user)

    def registration():
        same(world.registered["registration"]["roles"], ["shopper"])
        assert "user" not in world.registered

    check("a registration without roles gets those of the application that are for everybody", registration)


def api(world):
    def tokens():
        answer = world.login()
        same(answer["user"]["id"], world.id)
        same(len(answer["user"]["registrations"]), 2)
        said = claims(answer["token"])
        same(answer["tokenExpirationInstant"], said["exp"] * 1000)
        same(said["sid"], answer["refreshTokenId"])
        assert len(answer["refreshToken"]) > 20

    check("/api/login gives a token, a refresh token and the user with all registrations", tokens)

    def token():
        token = world.login()["token"]
        said = claims(token)
        same((said["aud"], said["applicationId"], said["sub"]), (world.shop["id"], world.shop["id"], world.id))
        same((said["email"], said["email_verified"]), (world.email, True))
        same((said["roles"], said["authenticationType"]), (["shopper"], "PASSWORD"))
        same(header(token)["typ"], "JWT")
        # Lives of tokens are drawn, up to a twentieth shorter than was set.
        assert 285 <= said["exp"] - said["iat"] <= 300, said

    check("a token says who, where, how and with which roles", token)


def refused_or_not(world):
    def credentials():
        refused_silently(world.api.login(world.request(password=WRONG)), 404)
        refused_silently(world.api.login({**world.request(), "loginId": "nobody@example.com"}), 404)

    check("a wrong password and an unknown login are refused alike, without a body", credentials)

    def keys():
        refused_silently(world.anonymous.login(world.request()), 401)
        refused_silently(client("0123456789012345678901234567890123456789").login(world.request()), 401)

    check("/api/login without the API key is refused, without a body", keys)

    def elsewhere():
        application = good(world.api.create_application(settings("Elsewhere")))["application"]
        body = good(world.api.login(world.request(application)), 202)
        said = claims(body["token"])
        assert "refreshToken" not in body and "applicationId" not in said and "roles" not in said, said
        same(body["user"]["id"], world.id)

    check("who is not registered gets 202, a token without roles and no refresh token", elsewhere)

    def ping():
        same(good(world.api.login_ping(world.id, world.shop["id"]))["user"]["id"], world.id)
        good(world.api.login_ping_with_request({"userId": world.id, "applicationId": world.shop["id"]}))
        refused_silently(world.api.login_ping(uuid(), world.shop["id"]), 404)

    check("a login ping is a login without a password", ping)


def grants(world):
    def tokens():
        body = good(world.grant())
        same((body["token_type"], body["userId"]), ("Bearer", world.id))
        assert 0 < body["expires_in"] <= 300, body["expires_in"]
        assert body["refresh_token"], list(body)
        said = claims(body["access_token"])
        same((said["aud"], said["sub"], said["roles"]), (world.shop["id"], world.id, ["shopper"]))
        same(said["sid"], body["refresh_token_id"])
        same(header(body["access_token"])["gty"], ["password"])

    check("the password grant gives an access token and a refresh token", tokens)

    def wrong_password():
        body = refused(world.grant(password=WRONG), 400)
        same((body["error"], body["error_reason"]), ("invalid_grant", "invalid_user_credentials"))

    check("the password grant with a wrong password is refused with invalid_grant", wrong_password)

    def wrong_secret():
        wrong = {"oauthConfiguration": {"clientId": world.shop["id"], "clientSecret": "wrong"}}
        same(refused(world.grant(wrong), 401)["error"], "invalid_client")

    check("the password grant with a wrong secret is refused with invalid_client", wrong_secret)


def refreshes(world):
    def again():
        login = world.login()
        for _ in range(3):
            body = good(world.refresh(login["refreshToken"]))
            found = (body["refreshToken"], body["refreshTokenId"])
            same(found, (login["refreshToken"], login["refreshTokenId"]))
            said = claims(body["token"])
            found = (said["sub"], said["sid"], said["authenticationType"])
            same(found, (world.id, login["refreshTokenId"], "REFRESH_TOKEN"))
            same(said["auth_time"], claims(login["token"])["auth_time"])
            assert body["token"] != login["token"]

    check("/api/jwt/refresh gives another token and the same refresh token, again and again", again)

    def grant():
        login = good(world.grant())
        body = good(world.exchange(login["refresh_token"]))
        assert body["access_token"] != login["access_token"]
        for member in ("refresh_token", "refresh_token_id"):
            same(body[member], login[member])
        same(header(body["access_token"])["gty"], ["refresh_token"])

    check("the refresh grant gives another access token", grant)

    def crossed():
        good(world.exchange(world.login()["refreshToken"]))
        good(world.refresh(good(world.grant())["refresh_token"]))

    check("a refresh token of either door is good at the other", crossed)

    def dead():
        refused(world.refresh("xRxGGEpVawiUak6He367W3oeOfh+1G1h1jcAAAA="), 404)
        same(refused(world.exchange("none"), 400)["error"], "invalid_grant")

    check("a refresh token that is none is refused: 404 here, invalid_grant there", dead)


def once(world):
    def twice():
        application = good(world.api.create_application(settings("Once", "OneTimeUse"), uuid()))["application"]
        good(world.api.register({"registration": {"applicationId": application["id"]}}, world.id))
        login = world.login(application)
        body = good(world.refresh(login["refreshToken"]))
        assert body["refreshToken"] != login["refreshToken"]
        same(body["refreshTokenId"], login["refreshTokenId"])
        following = good(world.refresh(body["refreshToken"]))
        refused(world.refresh(login["refreshToken"]), 404)
        world.over(following)

    check("a refresh token for one use is replaced, and the session ends where it is used twice", twice)
