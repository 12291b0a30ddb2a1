"""A client whose addresses are hard-coded: `carrot_intercept` brings its calls to the mock, TLS included."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from carrot_fixtures import MassIdJourney

from pytest_carrot.handle import Carrot


@pytest.mark.usefixtures("carrot_intercept")
def test_the_vendors_own_addresses(carrot: Carrot, carrot_mass_id: Callable[..., MassIdJourney]) -> None:
    document = carrot_mass_id().document
    with httpx.Client() as client:
        token = client.post(
            "https://auth.api.carrot.eco/oauth2/token",
            data={"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"},
            auth=(carrot.client_id, carrot.client_secret),
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post("https://api.carrot.eco/documents", json=document, headers=headers)

    assert answer.json() == {"id": carrot.documents.only()["id"]}
