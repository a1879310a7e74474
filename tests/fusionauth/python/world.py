"""Who and what the workflows are about."""

from checks import PASSWORD, client, good, refused, uuid


def settings(name, usage="Reusable"):
    """How an application asks for what the workflows use."""
    return {
        "application": {
            "name": name,
            "roles": [{"name": "admin", "isSuperRole": True}, {"name": "shopper", "isDefault": True}],
            "loginConfiguration": {
                "allowTokenRefresh": True,
                "generateRefreshTokens": True,
                "requireAuthentication": True,
            },
            "jwtConfiguration": {
                "enabled": True,
                "timeToLiveInSeconds": 300,
                "refreshTokenTimeToLiveInMinutes": 60,
                "refreshTokenUsagePolicy": usage,
                "refreshTokenOneTimeUseConfiguration": {"gracePeriodInSeconds": 0},
            },
            "oauthConfiguration": {
                "enabledGrants": ["password", "refresh_token"],
                "generateRefreshTokens": True,
                "clientAuthenticationPolicy": "Required",
            },
        }
    }


class World:
    """Two applications and one user, who is registered at both."""

    def __init__(self):
        self.api, self.anonymous = client(), client(None)
        self.shop = good(self.api.create_application(settings("Shop"), uuid()))["application"]
        self.forum = good(self.api.create_application(settings("Forum")))["application"]
        self.email, self.password = f"alice-{uuid()}@example.com", PASSWORD
        request = {"user": {"email": self.email, "password": PASSWORD, "firstName": "Alice"}}
        self.made = good(self.api.create_user(request))
        self.id = self.made["user"]["id"]
        at_shop = {"registration": {"applicationId": self.shop["id"]}}
        self.registered = good(self.api.register(at_shop, self.id))
        at_forum = {"registration": {"applicationId": self.forum["id"], "roles": ["admin"]}}
        good(self.api.register(at_forum, self.id))

    def request(self, application=None, password=None):
        """What a login at an application asks."""
        application = application or self.shop
        return {
            "applicationId": application["id"],
            "loginId": self.email,
            "password": password or self.password,
        }

    def login(self, application=None):
        """Logs in at /api/login."""
        answer = good(self.api.login(self.request(application)))
        assert answer.get("refreshToken") and answer.get("refreshTokenId"), list(answer)
        return answer

    def grant(self, application=None, password=None, scope="openid offline_access"):
        """Asks for tokens by the password grant."""
        oauth = (application or self.shop)["oauthConfiguration"]
        return self.api.exchange_user_credentials_for_access_token(
            self.email, password or self.password, oauth["clientId"], oauth["clientSecret"], scope
        )

    def exchange(self, token, application=None):
        """Refreshes by the refresh grant."""
        oauth = (application or self.shop)["oauthConfiguration"]
        return self.api.exchange_refresh_token_for_access_token(token, oauth["clientId"], oauth["clientSecret"])

    def refresh(self, token):
        """Refreshes at /api/jwt/refresh."""
        return self.api.exchange_refresh_token_for_jwt({"refreshToken": token})

    def alive(self, session):
        """Whether a session goes on."""
        good(self.refresh(session["refreshToken"]))
        good(self.api.validate_jwt(session["token"]))

    def over(self, session):
        """Whether a session is over, at every door."""
        refused(self.refresh(session["refreshToken"]), 404)
        refused(self.api.retrieve_refresh_token_by_id(session["refreshTokenId"]), 404)
        refused(self.api.validate_jwt(session["token"]), 401)
        refused(self.api.retrieve_user_info_from_access_token(session["token"]), 401)
