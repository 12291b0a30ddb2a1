"""A client in any language: it gets the address and the credentials from `carrot.env`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from carrot_fixtures import MassIdJourney

from pytest_carrot.handle import Carrot

needs_node = pytest.mark.skipif(
    shutil.which("node") is None and "CI" not in os.environ, reason="node is not installed on this machine"
)


@needs_node
def test_a_client_in_node(carrot: Carrot, carrot_mass_id: Callable[..., MassIdJourney]) -> None:
    journey = carrot_mass_id()
    events = [event for event in journey.events if "attachments" not in event]

    done = subprocess.run(
        ["node", Path(__file__).with_name("client.mjs")],
        input=json.dumps({"document": journey.document, "events": events}),
        env={**os.environ, **carrot.env},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    carrot.ledger.assert_appended(done.stdout.strip(), [event["name"] for event in events])
    carrot.documents.assert_status(done.stdout.strip(), "CLOSED")
