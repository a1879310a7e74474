"""Every form in which the clients revoke, and how users log out."""

from checks import check, done, good, refused, refused_silently, same, uuid


def run(world):
    revocations(world)
    the_rest(world)
    logouts(world)


def one(world, revoke):
    """Of two sessions, one ends and the other goes on."""
    kept, ended = world.login(), world.login()
    done(revoke(ended))
    world.over(ended)
    world.alive(kept)


def all_of_the_user(world, revoke):
    """All sessions of the user end, and the next login begins another."""
    ended = [world.login(), world.login(world.forum)]
    done(revoke())
    for session in ended:
        world.over(session)
    same(good(world.api.retrieve_refresh_tokens(world.id)), {})
    world.alive(world.login())


def at_the_forum(world, revoke):
    """Sessions at the forum end, those at the shop go on."""
    kept, ended = world.login(), world.login(world.forum)
    done(revoke())
    world.over(ended)
    world.alive(kept)
    world.alive(world.login(world.forum))


def revocations(world):
    api, id, forum = world.api, world.id, world.forum["id"]
    by_request = api.revoke_refresh_tokens_with_request
    whole = api.revoke_refresh_token
    for what, extent, ways in (
        (
            "a refresh token is revoked by its id",
            one,
            [("", lambda ended: api.revoke_refresh_token_by_id(ended["refreshTokenId"]))],
        ),
        (
            "a refresh token is revoked by itself",
            one,
            [
                ("", lambda ended: api.revoke_refresh_token_by_token(ended["refreshToken"])),
                (", in the general form", lambda ended: whole(ended["refreshToken"])),
                (", in a request", lambda ended: by_request({"token": ended["refreshToken"]})),
            ],
        ),
        (
            "all of a user are revoked",
            all_of_the_user,
            [
                ("", lambda: api.revoke_refresh_tokens_by_user_id(id)),
                (", in the general form", lambda: whole(None, id)),
                (", in a request", lambda: by_request({"userId": id})),
            ],
        ),
        (
            "those of a user at one application are revoked",
            at_the_forum,
            [
                ("", lambda: api.revoke_refresh_tokens_by_user_id_for_application(id, forum)),
                (", in the general form", lambda: whole(None, id, forum)),
                (", in a request", lambda: by_request({"userId": id, "applicationId": forum})),
            ],
        ),
        (
            "all of an application are revoked",
            at_the_forum,
            [
                ("", lambda: api.revoke_refresh_tokens_by_application_id(forum)),
                (", in the general form", lambda: whole(None, None, forum)),
                (", in a request", lambda: by_request({"applicationId": forum})),
            ],
        ),
    ):
        for how, revoke in ways:
            check(what + how, lambda extent=extent, revoke=revoke: extent(world, revoke))


def the_rest(world):
    api = world.api

    def of_the_grant():
        login = good(world.grant())
        done(api.revoke_refresh_token_by_id(login["refresh_token_id"]))
        access = login["access_token"]
        session = {"refreshToken": login["refresh_token"], "refreshTokenId": login["refresh_token_id"], "token": access}
        world.over(session)
        same(good(api.introspect_access_token(world.shop["id"], access)), {"active": False})

    check("a session of the password grant is revoked by its id", of_the_grant)

    def nothing():
        login = world.login()
        refused(api.revoke_refresh_token_by_id(None), 400)
        refused(api.revoke_refresh_token(), 400)
        refused(api.revoke_refresh_tokens_with_request({}), 400)
        world.alive(login)

    check("where nothing is named, nothing is revoked", nothing)

    def nobody():
        login = world.login()
        refused_silently(api.revoke_refresh_token_by_id(uuid()), 404)
        refused_silently(world.anonymous.revoke_refresh_token_by_id(login["refreshTokenId"]), 401)
        refused_silently(world.anonymous.revoke_refresh_tokens_by_user_id(world.id), 401)
        world.alive(login)

    check("what is not there is not revoked, and nobody revokes without the API key", nobody)


def logouts(world):
    def by_request(whole, token):
        return world.api.logout_with_request({"global": whole, "refreshToken": token})

    for how, logout in (
        ("", world.api.logout),
        (", in a request", by_request),
        (", without the API key", world.anonymous.logout),
    ):

        def here(logout=logout):
            kept, ended = world.login(), world.login()
            done(logout(False, ended["refreshToken"]))
            world.over(ended)
            world.alive(kept)

        check("a logout ends one session, and the others go on" + how, here)

        def everywhere(logout=logout):
            sessions = [world.login(), world.login(), world.login(world.forum)]
            done(logout(True, sessions[0]["refreshToken"]))
            for session in sessions:
                world.over(session)

        check("a global logout ends all sessions of the user" + how, everywhere)

    def nothing():
        kept = world.login()
        done(world.api.logout(True, None))
        done(world.api.logout(False, "none"))
        world.alive(kept)

    check("a logout without a refresh token, or with one that is none, ends nothing and is good", nothing)
