"""Probes of the token endpoint."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pytest_carrot.drifting.finding import CannotProbe, Probe
from pytest_carrot.drifting.scene import GRANT
from pytest_carrot.drifting.told import told_token
from pytest_carrot.live_target import Login

if TYPE_CHECKING:
    from pytest_carrot.drifting.scene import Scene
    from pytest_carrot.live_http import Answer

_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_NOBODY: Final = Login("carrot-mock-drift-nobody", "no-secret")


def _login(scene: Scene) -> Login:
    return scene.main.login


def wrong_client(scene: Scene) -> str:
    answer = scene.token(GRANT, basic=_NOBODY.basic)
    challenge = answer.header("www-authenticate").partition(" ")[0].lower() == "basic"
    return told_token(answer) + (" with WWW-Authenticate: Basic" if challenge else "")


def no_grant_type(scene: Scene) -> str:
    return told_token(scene.token({"scope": GRANT["scope"]}, basic=_login(scene).basic))


def other_grant(scene: Scene) -> str:
    return told_token(scene.token({**GRANT, "grant_type": "carrot-mock-drift"}, basic=_login(scene).basic))


def other_scope(scene: Scene) -> str:
    return told_token(scene.token({**GRANT, "scope": "carrot-mock/drift"}, basic=_login(scene).basic))


def forbidden_grant(scene: Scene) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": "carrot-mock-drift"}
    return told_token(scene.token(form, basic=_login(scene).basic))


def read_token_endpoint(scene: Scene) -> str:
    return str(scene.token({}, method="GET").status)


def json_body(scene: Scene) -> str:
    headers = {"content-type": "application/json", "authorization": _login(scene).basic}
    url = scene.line.target.token_url
    return told_token(scene.line.send("POST", url, headers, json.dumps(GRANT).encode()))


def caching(scene: Scene) -> str:
    answer = _granted(scene)
    told = (answer.header(name) or "nothing" for name in ("cache-control", "pragma"))
    return "Cache-Control: {}, Pragma: {}".format(*(each.lower() for each in told))


def no_scope(scene: Scene) -> str:
    return told_token(scene.token({"grant_type": "client_credentials"}, basic=_login(scene).basic))


def credentials_in_body(scene: Scene) -> str:
    login = _login(scene)
    form = {**GRANT, "client_id": login.client_id, "client_secret": login.client_secret}
    return told_token(scene.token(form))


def encoded_credentials(scene: Scene) -> str:
    """Every character percent-encoded, which differs from the raw spelling whatever the secret is."""
    login = _login(scene)
    encoded = Login(_percent(login.client_id), _percent(login.client_secret))
    return f"raw granted, url-encoded {told_token(scene.token(GRANT, basic=encoded.basic))}"


def form_of_token(scene: Scene) -> str:
    token = str(_granted(scene).object["access_token"])
    return "a JWT" if _JWT.fullmatch(token) else "opaque"


def _granted(scene: Scene) -> Answer:
    def ask() -> Answer:
        answer = scene.token(GRANT, basic=_login(scene).basic)
        if told_token(answer) != "granted":
            raise CannotProbe(f"a token was answered {told_token(answer)}")
        return answer

    return scene.once("token", ask)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


PROBES: Final = (
    Probe("token-errors", wrong_client),
    Probe("token-format", form_of_token),
    Probe("token-invalid-request", no_grant_type),
    Probe("token-unsupported-grant", other_grant),
    Probe("token-invalid-scope", other_scope),
    Probe("token-unauthorized-client", forbidden_grant),
    Probe("token-post-only", read_token_endpoint),
    Probe("token-form-only", json_body),
    Probe("token-not-cached", caching),
    Probe("token-default-scope", no_scope),
    Probe("token-body-credentials", credentials_in_body),
    Probe("token-basic-encoding", encoded_credentials),
)
