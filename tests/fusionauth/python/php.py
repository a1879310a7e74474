"""fusionauth-php-client, tests/FusionAuth/FusionAuthClientTest.php."""

from checks import PASSWORD, check, client, done, good, refused_silently, same


def main():
    fusionauth = client()
    applications(fusionauth)
    users(fusionauth)
    for name, whole, token in (("A55", True, None), ("A56", True, "refresh_token"), ("A57", False, "token")):
        check(name, lambda whole=whole, token=token: done(fusionauth.logout(whole, token)))


def applications(fusionauth):
    """testCanHandleApplications"""

    def made():
        body = good(fusionauth.create_application({"application": {"name": "PHP Client Application"}}))
        assert body["application"]["id"], body
        return body["application"]["id"]

    id = check("A34", made)

    def found():
        return good(fusionauth.retrieve_application(id))["application"]

    def inactive():
        return good(fusionauth.retrieve_inactive_applications()).get("applications", [])

    check("A35", lambda: same(found()["name"], "PHP Client Application"))

    def updated():
        request = {"application": {"name": "PHP Client Application Updated"}}
        answer = good(fusionauth.update_application(id, request))
        same(answer["application"]["name"], "PHP Client Application Updated")
        same(found()["name"], "PHP Client Application Updated")

    check("A36", updated)
    check("A37", lambda: done(fusionauth.deactivate_application(id)))
    check("A38", lambda: same(found()["active"], False))
    check("A39", lambda: same(inactive()[0]["name"], "PHP Client Application Updated"))
    check("A40", lambda: good(fusionauth.reactivate_application(id)))
    check("A41", lambda: same((found()["name"], found()["active"]), ("PHP Client Application Updated", True)))

    def deleted():
        done(fusionauth.delete_application(id))
        refused_silently(fusionauth.retrieve_application(id), 404)

    check("A42", deleted)
    check("A43", lambda: same(inactive(), []))


def users(fusionauth):
    """testCanHandleUsers"""
    email, changed = "test@fusionauth.io", "test+2@fusionauth.io"

    def made():
        request = {"user": {"email": email, "password": PASSWORD, "firstName": "Jäne"}}
        body = good(fusionauth.create_user(request))
        assert body["user"]["id"], body
        return body["user"]["id"]

    id = check("A44", made)

    def found():
        return good(fusionauth.retrieve_user(id))["user"]

    def found_in_every_way():
        same(found()["email"], email)
        same(good(fusionauth.retrieve_user_by_login_id(email))["user"]["email"], email)
        by_types = fusionauth.retrieve_user_by_login_id_with_login_id_types(email, ["email"])
        same(good(by_types)["user"]["email"], email)

    check("A45", found_in_every_way)
    login = {"loginId": email, "password": PASSWORD}
    check("A46", lambda: same(good(fusionauth.login(login))["user"]["email"], email))

    def updated():
        body = good(fusionauth.update_user(id, {"user": {"email": changed}}))
        same(body["user"]["email"], changed)
        good(fusionauth.login({**login, "loginId": changed}))

    check("A47", updated)
    check("A48", lambda: same(found()["email"], changed))
    check("A49", lambda: done(fusionauth.deactivate_user(id)))
    check("A50", lambda: same(found()["active"], False))
    check("A51", lambda: good(fusionauth.reactivate_user(id)))
    check("A52", lambda: same((found()["email"], found()["active"]), (changed, True)))
    check("A53", lambda: done(fusionauth.delete_user(id)))
    check("A54", lambda: refused_silently(fusionauth.retrieve_user(id), 404))
