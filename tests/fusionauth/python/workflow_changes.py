"""The password changes; users and applications are switched off, switched on again, and deleted."""

from checks import OTHER_PASSWORD, PASSWORD, check, done, good, refused, refused_silently, same

WRONG = "a wrong long password"


def run(world):
    by_id(world)
    passwords(world)
    before = deactivated(world)
    reactivated(world, before)
    ends(world)


def changed(world, before, to):
    """After a change, what was there before is over and only the new password is good."""
    world.over(before)
    refused_silently(world.api.login(world.request()), 404)
    world.password = to
    world.alive(world.login())


def by_id(world):
    api = world.api

    def forgotten():
        before = world.login()
        request = {"loginId": world.email, "sendForgotPasswordEmail": False}
        id = good(api.forgot_password(request))["changePasswordId"]
        done(api.check_change_password_using_id(id))
        good(api.change_password(id, {"password": OTHER_PASSWORD}))
        refused_silently(api.change_password(id, {"password": OTHER_PASSWORD}), 404)
        changed(world, before, OTHER_PASSWORD)

    check("who forgot the password changes it by an id, which is good once", forgotten)


def passwords(world):
    api = world.api

    def by_login():
        before = world.login()
        request = {"loginId": world.email, "currentPassword": OTHER_PASSWORD, "password": PASSWORD}
        done(api.change_password_by_identity(request))
        changed(world, before, PASSWORD)

    check("a backend changes the password by the login, with the API key", by_login)

    def by_token():
        before = world.login()
        request = {"currentPassword": PASSWORD, "password": OTHER_PASSWORD}
        wrong = {**request, "currentPassword": WRONG}
        refused_silently(api.change_password_using_jwt(before["token"], wrong), 404)
        good(api.change_password_using_jwt(before["token"], request))
        changed(world, before, OTHER_PASSWORD)

    check("the user changes the password with a token", by_token)

    def by_user():
        before = world.login()
        good(api.patch_user(world.id, {"user": {"password": PASSWORD}}))
        changed(world, before, PASSWORD)

    check("a backend sets the password with the user", by_user)

    def common():
        body = refused(api.patch_user(world.id, {"user": {"password": "password"}}), 400)
        same(body["fieldErrors"]["user.password"][0]["code"], "[breachedCommonPassword]user.password")

    check("a common password is refused by name", common)


def deactivated(world):
    api = world.api

    def off():
        before = world.login()
        done(api.deactivate_user(world.id))
        world.over(before)
        refused_silently(api.login(world.request()), 423)
        refused_silently(api.login(world.request(password=WRONG)), 404)
        same(refused(world.grant(), 400)["error"], "invalid_grant")
        same(good(api.retrieve_user(world.id))["user"]["active"], False)
        return before

    return check("a user who is deactivated is let in nowhere, and told so only with the right password", off)


def reactivated(world, before):
    api, forum = world.api, world.forum["id"]

    def on():
        same(good(api.reactivate_user(world.id))["user"]["active"], True)
        world.over(before)
        world.alive(world.login())

    check("a user who is reactivated logs in again, and nothing of before comes back", on)

    def application():
        session = world.login(world.forum)
        done(api.deactivate_application(forum))
        refused(world.refresh(session["refreshToken"]), 404)
        refused(api.login(world.request(world.forum)), 400)
        same(good(api.retrieve_application(forum))["application"]["active"], False)
        same(good(api.reactivate_application(forum))["application"]["active"], True)
        world.alive(world.login(world.forum))

    check("an application that is deactivated lets nobody in until it is reactivated", application)


def ends(world):
    api, id, shop, forum = world.api, world.id, world.shop["id"], world.forum["id"]

    def registration():
        kept, ended = world.login(), world.login(world.forum)
        done(api.delete_registration(id, forum))
        world.over(ended)
        world.alive(kept)
        refused_silently(api.retrieve_registration(id, forum), 404)
        good(api.login(world.request(world.forum)), 202)

    check("a registration that is deleted ends the sessions there", registration)

    def user():
        session = world.login()
        done(api.delete_user(id))
        world.over(session)
        refused_silently(api.retrieve_user(id), 404)
        refused_silently(api.retrieve_user_by_email(world.email), 404)
        refused_silently(api.login(world.request()), 404)
        refused_silently(api.delete_user(id), 404)

    check("a user who is deleted is gone everywhere", user)

    def application():
        done(api.delete_application(shop))
        refused_silently(api.retrieve_application(shop), 404)
        body = refused(api.login(world.request()), 400)
        same(body["fieldErrors"]["applicationId"][0]["code"], "[invalid]applicationId")

    check("an application that is deleted is gone, and its login names it as unknown", application)
