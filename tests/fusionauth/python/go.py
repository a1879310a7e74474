"""go-client, pkg/fusionauth/Client_test.go."""

from checks import PASSWORD, check, client, good, refused, same

EMAIL = "richard@example.com"


def main():
    fusionauth = client()
    good(fusionauth.create_user({"user": {"email": EMAIL, "password": PASSWORD}}))
    check("A105", lambda: same(refused(fusionauth.retrieve_user_by_email("missing@example.com"), 404), None))
    check("A106", lambda: same(good(fusionauth.retrieve_user_by_email(EMAIL))["user"]["email"], EMAIL))
    by_types = lambda: fusionauth.retrieve_user_by_login_id_with_login_id_types(EMAIL, ["email"])
    check("A107", lambda: same(good(by_types())["user"]["email"], EMAIL))
