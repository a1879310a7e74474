"""fusionauth-ruby-client, test/fusionauth/fusionauth_client_test.rb."""

from checks import PASSWORD, check, client, done, good, refused_silently, same, uuid


def main():
    fusionauth = client()
    applications(fusionauth)
    users(fusionauth)
    reactivated(fusionauth)
    registrations(fusionauth)


def request(name):
    """The application of two of the tests."""
    roles = [
        {"isDefault": False, "name": "admin", "isSuperRole": True, "description": "Admin role"},
        {"isDefault": True, "name": "user", "description": "User role"},
    ]
    return {"application": {"name": name, "roles": roles}}


def applications(fusionauth):
    """test_application_crud"""
    id, name = uuid(), "Ruby Client Application"
    made = check("A58", lambda: named(good(fusionauth.create_application(request(name), id)), name))
    check("A59", lambda: same([role["name"] for role in made["roles"]], ["admin", "user"]))

    def found():
        return good(fusionauth.retrieve_application(id))["application"]

    def another():
        role = {"isDefault": True, "name": "new role", "description": "New role description"}
        body = good(fusionauth.create_application_role(id, {"role": role}))
        assert body["role"]["id"], body
        return body["role"]["id"]

    role = check("A60", another)
    check("A61", lambda: same([role["name"] for role in found()["roles"]], ["admin", "new role", "user"]))
    changed = {"isDefault": False, "name": "new role", "description": "New role description"}
    good(fusionauth.update_application_role(id, role, {"role": changed}))
    check("A62", lambda: same(bool(found()["roles"][1].get("isDefault")), False))
    done(fusionauth.delete_application_role(id, role))
    check("A63", lambda: same([role["name"] for role in found()["roles"]], ["admin", "user"]))
    check("A64", lambda: done(fusionauth.deactivate_application(id)))
    check("A65", lambda: same(found()["active"], False))
    check("A66", lambda: same(good(fusionauth.reactivate_application(id))["application"]["active"], True))
    check("A67", lambda: same((found()["name"], found()["active"]), (name, True)))
    check("A68", lambda: done(fusionauth.delete_application(id)))
    check("A69", lambda: refused_silently(fusionauth.retrieve_application(id), 404))


def named(body, name):
    same(body["application"]["name"], name)
    return body["application"]


def users(fusionauth):
    """test_user_crud. Its second password is "password updated", with the blank inside."""
    id = uuid()
    user = {"email": "ruby.client.test@fusionauth.io", "firstName": "Ruby", "lastName": "Client", "password": PASSWORD}
    good(fusionauth.create_user({"user": user}, id))
    same(good(fusionauth.retrieve_user(id))["user"]["email"], user["email"])

    def updated():
        changed = {**user, "email": "ruby.client.test+updated@fusionauth.io", "password": "a longer password updated"}
        same(good(fusionauth.update_user(id, {"user": changed}))["user"]["email"], changed["email"])
        same(good(fusionauth.retrieve_user(id))["user"]["email"], changed["email"])
        good(fusionauth.login({"loginId": changed["email"], "password": changed["password"]}))

    check("A70", updated)
    check("A71", lambda: done(fusionauth.delete_user(id)))
    check("A72", lambda: refused_silently(fusionauth.retrieve_user(id), 404))


def reactivated(fusionauth):
    """test_user_activate_reactivate"""
    id = uuid()
    good(fusionauth.create_user({"user": {"email": "ruby.reactivate@fusionauth.io", "password": PASSWORD}}, id))
    check("A73", lambda: done(fusionauth.deactivate_user(id)))
    check("A74", lambda: good(fusionauth.reactivate_user(id)))


def registrations(fusionauth):
    """test_user_registration_crud_and_login"""
    application, id, email = uuid(), uuid(), "ruby.registration@fusionauth.io"
    good(fusionauth.create_application(request("Ruby Registration Application"), application))
    user = {"firstName": "Ruby", "lastName": "Client", "email": email, "password": PASSWORD}
    given = {"applicationId": application, "preferredLanguages": ["en", "fr"]}
    first = {**given, "data": {"foo": "bar"}, "roles": ["user"]}
    check("A75", lambda: good(fusionauth.register({"user": user, "registration": first}, id)))
    login = {"applicationId": application, "loginId": email, "password": PASSWORD}
    check("A76", lambda: same(good(fusionauth.login(login))["user"]["email"], email))

    def found():
        return told(good(fusionauth.retrieve_registration(id, application)))

    def told(body):
        return body["registration"]["roles"], body["registration"]["data"]["foo"]

    check("A77", lambda: same(found(), (["user"], "bar")))
    second = {**given, "data": {"foo": "bar updated"}, "roles": ["admin"]}
    update = {"registration": second}
    check("A78", lambda: same(told(good(fusionauth.update_registration(id, update))), (["admin"], "bar updated")))
    check("A79", lambda: same(found(), (["admin"], "bar updated")))
    check("A80", lambda: done(fusionauth.delete_registration(id, application)))
    check("A81", lambda: refused_silently(fusionauth.retrieve_registration(id, application), 404))
    done(fusionauth.delete_application(application))
    done(fusionauth.delete_user(id))
