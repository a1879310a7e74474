"""fusionauth-python-client, src/test/python/fusionauth/fusionauth_client_test.py."""

from checks import PASSWORD, check, client, done, good, refused, same, uuid
from kickstart import PIED_PIPER, kickstart

EMAIL = "art@vandaleyindustries.com"


def main():
    fusionauth = client()
    kickstart(fusionauth)
    applications(fusionauth)
    users(fusionauth)
    check("A29", lambda: same(refused(fusionauth.retrieve_user(uuid()), 404), None))
    logout(fusionauth)


def applications(fusionauth):
    """test_retrieve_applications"""
    found = check("A20", lambda: good(fusionauth.retrieve_applications()))
    check("A21", lambda: same(len(found["applications"]), 2))


def users(fusionauth):
    """test_create_user_retrieve_user"""

    def absent():
        found = fusionauth.retrieve_user_by_email(EMAIL)
        assert found.status in (200, 404), found.status
        if found.status == 200:
            done(fusionauth.delete_user(found.success_response["user"]["id"]))

    check("A22", absent)
    request = {"sendSetPasswordEmail": False, "skipVerification": True, "user": {"email": EMAIL, "password": PASSWORD}}
    made = check("A23", lambda: good(fusionauth.create_user(request)))
    answer = fusionauth.retrieve_user(made["user"]["id"])
    check("A24", lambda: same(answer.status, 200))

    def both():
        assert answer.success_response is not None
        assert answer.error_response is None

    check("A25", both)
    check("A26", lambda: same(answer.success_response["user"]["email"], EMAIL))
    for name, member in (("A27", "password"), ("A28", "salt")):
        check(name, lambda member=member: same(answer.success_response["user"].get(member), None))


def logout(fusionauth):
    """test_login_user_logout_global"""
    request = {"applicationId": PIED_PIPER, "loginId": "admin@fusionauth.io", "password": PASSWORD}
    answer = check("A30", lambda: good(fusionauth.login(request)))
    token = check("A31", lambda: answer["refreshToken"])
    check("A32", lambda: done(client("").logout(True, token)))
