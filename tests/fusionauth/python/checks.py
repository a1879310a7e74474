"""What the programs beside this one share: the client, what a call came to, and checks that are told by name."""

import base64
import json
import os
import uuid as uuids

from fusionauth.fusionauth_client import FusionAuthClient

URL, KEY, TENANT = os.environ["COUNTERSIGN_URL"], os.environ["API_KEY"], os.environ["TENANT_ID"]
ADMIN_KEY = os.environ["ADMIN_KEY"]
# The suites of the official clients write "password", which nobody may choose here.
PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "another fine long password"


def client(key=KEY):
    """A client with the API key; None and "" are none."""
    made = FusionAuthClient(key, URL)
    made.set_tenant_id(TENANT)
    return made


def uuid():
    return str(uuids.uuid4())


def good(answer, status=200):
    """What a call answers well, with that status."""
    said = f"status {answer.status}, not {status}: {answer.response.text}"
    assert answer.status == status and answer.was_successful(), said
    assert answer.error_response is None and answer.exception is None, answer.error_response
    return answer.success_response


def done(answer):
    """The same of a call that answers nothing but its status."""
    body = good(answer)
    assert body is None and answer.response.text == "", f"there should be no body: {answer.response.text}"


def refused(answer, status):
    """What a call is refused with, with that status. The client reads the JSON of a 400 only, and hands out the rest as it came."""
    assert answer.status == status and not answer.was_successful(), (
        f"status {answer.status}, not {status}: {answer.response.text}"
    )
    assert answer.success_response is None
    if status == 400:
        return answer.error_response
    if status == 404:
        assert answer.error_response is None
    return json.loads(answer.response.text) if answer.response.text else None


def refused_silently(answer, status):
    """The same of a refusal without a body."""
    body = refused(answer, status)
    assert body is None, f"there should be no body: {body}"


def same(found, wanted):
    assert found == wanted, f"{found!r}, not {wanted!r}"


def check(name, attempt):
    """Runs one check and tells its outcome. What it gives is there for the next."""
    try:
        found = attempt()
    except Exception as error:
        print(f"FAILED {name}; {type(error).__name__}: {error}".replace("\n", " | "))
        return None
    print(f"ok {name}")
    return found


def part(jwt, number):
    text = jwt.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def claims(jwt):
    """What a JWT says, unverified."""
    return part(jwt, 1)


def header(jwt):
    """What a JWT says of itself."""
    return part(jwt, 0)
