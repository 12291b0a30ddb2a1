"""What a server says when it is ready: to a person, to a script, to a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from mock_server.workspace import DEFAULT_CREDENTIALS

if TYPE_CHECKING:
    from mock_server.settings import Settings


def ready_line(url: str) -> str:
    """One line of JSON: `{"url", "pid", "clientId", "clientSecret"}`."""
    first = DEFAULT_CREDENTIALS[0]
    found = {
        "url": url,
        "pid": os.getpid(),
        "clientId": first.client_id,
        "clientSecret": first.client_secret,
    }
    return orjson.dumps(found).decode()


def write_ready_file(path: str, url: str) -> None:
    """Put the ready line into a file, whole at once; raises OSError."""
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(ready_line(url) + "\n")
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def banner(url: str, settings: Settings) -> str:
    """A few lines for a person: where, with which credentials, and a command to try."""
    test, production, partner, _ = DEFAULT_CREDENTIALS
    rate = {"documented": "5 requests a second in test, 10 in production", "off": "off"}.get(
        str(settings.rate_limit), f"{settings.rate_limit} requests a second"
    )
    changed = {
        name: value
        for name, value in settings.semantics.as_dict().items()
        if value != type(settings.semantics).default().as_dict()[name]
    }
    token = "  (with the control token)" if settings.control_token is not None else ""
    lines = [
        f"Carrot Mock is ready at {url}  (a mock: nothing here reaches the Carrot network)",
        "",
        f"  token endpoint   {url}/oauth2/token",
        f"  test             {test.client_id} / {test.client_secret}",
        f"  production       {production.client_id} / {production.client_secret}",
        f"  partner, test    {partner.client_id} / {partner.client_secret}",
        f"  rate limit       {rate}",
        *([f"  semantics        {', '.join(f'{k}={v}' for k, v in changed.items())}"] if changed else []),
        f"  reference        {url}/docs",
        *([f"  what happened    {url}/_mock/workspaces/default/requests{token}"] if settings.control else []),
        *_cautions(settings),
        "",
        "  Try:",
        f"    curl -u {test.client_id}:{test.client_secret} -d grant_type=client_credentials {url}/oauth2/token",
        "",
        "  Ctrl-C stops it.",
    ]
    return "\n".join(lines)


def _cautions(settings: Settings) -> list[str]:
    """What a person should know who lets others than this machine in."""
    if settings.host in ("127.0.0.1", "localhost", "::1"):
        return []
    lines = ["", f"  It listens on {settings.host}: other machines reach it, with the credentials above."]
    if settings.control and settings.control_token is None:
        lines.append("  They reach its control API too; --control-token T or --no-control closes that.")
    return lines
