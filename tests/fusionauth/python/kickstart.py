"""What FusionAuth's kickstart file makes before the suite for Python runs, made through the client."""

from checks import PASSWORD, good

ADMIN_APPLICATION = "3c219e58-ed0e-4b18-ad48-f4f92793ae32"
PIED_PIPER = "85a03867-dccf-4882-adde-1a79aeec50df"
ADMIN = "00000000-0000-0000-0000-000000000001"


def kickstart(fusionauth):
    """FusionAuth's own application, which is always there with it, "Pied Piper", and a user of both."""
    own = {"name": "FusionAuth", "roles": [{"name": "admin"}]}
    good(fusionauth.create_application({"application": own}, ADMIN_APPLICATION))
    application = {
        "name": "Pied Piper",
        "roles": [{"name": "dev"}, {"name": "ceo"}, {"name": "intern"}],
        "loginConfiguration": {"generateRefreshTokens": True},
    }
    good(fusionauth.create_application({"application": application}, PIED_PIPER))
    user = {"email": "admin@fusionauth.io", "password": PASSWORD, "birthDate": "1981-06-04", "firstName": "Erlich"}
    registration = {"applicationId": ADMIN_APPLICATION, "roles": ["admin"]}
    good(fusionauth.register({"user": user, "registration": registration}, ADMIN))
    good(fusionauth.register({"registration": {"applicationId": PIED_PIPER}}, ADMIN))
