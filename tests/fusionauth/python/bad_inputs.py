"""Bad inputs of tests/fusionauth/bad_inputs.json: each is refused with the field, the code and the status that stand there, and
the client can read every refusal."""

import json
import pathlib
import re

from checks import PASSWORD, check, client, good, refused, same, uuid

TABLE = pathlib.Path(__file__).parent.parent / "bad_inputs.json"


def main():
    words = known(client())
    for entry in json.loads(TABLE.read_text()):
        check(entry["name"], lambda entry=entry: compare(entry, refused(asked(entry, words), entry["status"])))


def known(fusionauth):
    """Who and what the words with a dollar stand for."""
    email, username, name = f"carol-{uuid()}@example.com", f"carol-{uuid()}", f"Bakery {uuid()}"
    application = {
        "name": name,
        "roles": [{"name": "admin"}],
        "loginConfiguration": {"generateRefreshTokens": True},
        "oauthConfiguration": {"enabledGrants": ["password", "refresh_token"]},
    }
    made = good(fusionauth.create_application({"application": application}, uuid()))["application"]
    other = good(fusionauth.create_application({"application": {"name": f"Butcher {uuid()}"}}))["application"]
    user = {"email": email, "username": username, "password": PASSWORD}
    registration = {"applicationId": made["id"]}
    registered = good(fusionauth.register({"user": user, "registration": registration}))
    login = good(fusionauth.login({"loginId": email, "password": PASSWORD, "applicationId": made["id"]}))
    return {
        "application": made["id"],
        "email": email,
        "name": name,
        "other": other["id"],
        "password": PASSWORD,
        "secret": made["oauthConfiguration"]["clientSecret"],
        "token": login["token"],
        "user": registered["user"]["id"],
        "username": username,
    }


def asked(entry, words):
    fusionauth = client(None if entry.get("anonymous") else client().api_key)
    arguments = {snake(name): filled(value, words) for name, value in entry["args"].items()}
    return getattr(fusionauth, snake(entry["call"]))(**arguments)


def snake(name):
    """The name of a method or parameter in Python."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", parted).lower()


def filled(value, words):
    """The same value with what the words stand for."""
    if isinstance(value, str) and value.startswith("$"):
        return uuid() if value == "$fresh" else words[value[1:]]
    if isinstance(value, dict):
        return {name: filled(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, words) for inner in value]
    return value


def codes(errors):
    return [error["code"] for error in errors]


def compare(entry, body):
    """Compares what was refused with what stands in the table."""
    if "oauth" in entry:
        found = [body["error"], body.get("error_reason")]
        same(found[: len(entry["oauth"])], entry["oauth"])
    elif entry["status"] in (400, 501):
        same(sorted(body), ["fieldErrors", "generalErrors"])
        for errors in [*body["fieldErrors"].values(), body["generalErrors"]]:
            assert all(error["code"] and error["message"] for error in errors), errors
        if "fields" not in entry and "general" not in entry:
            assert body["fieldErrors"] or body["generalErrors"], "no error is named"
            return
        fields = {field: codes(errors) for field, errors in body["fieldErrors"].items()}
        same((fields, codes(body["generalErrors"])), (entry.get("fields", {}), entry.get("general", [])))
    elif entry["status"] == 404:
        assert body is None, "404 has no body"
