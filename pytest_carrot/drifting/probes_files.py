"""Probes of attachments and of the storage behind their URLs."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pytest_carrot.drifting.finding import CannotProbe, NotProbed, Probe
from pytest_carrot.drifting.scene import FILE, FILE_TYPE
from pytest_carrot.drifting.told import told, told_storage

if TYPE_CHECKING:
    from pytest_carrot.drifting.scene import Scene

_LARGE: Final = 10 * 1024 * 1024 + 1
_TYPE: Final = {"content-type": FILE_TYPE}
_SIGNED: Final = {
    frozenset(("content-length", "content-type", "host")): "length, type and host",
    frozenset(("content-length", "host")): "length and host",
}


def signed_headers(scene: Scene) -> str:
    signed = frozenset(_query(_upload_url(scene), "X-Amz-SignedHeaders").lower().split(";"))
    return _SIGNED.get(signed, "other headers: " + ", ".join(sorted(signed))[:100])


def lifetime(scene: Scene) -> str:
    return f"{_query(_upload_url(scene), 'X-Amz-Expires')} seconds"


def parameters(scene: Scene) -> str:
    """In a JSON body, and in the query."""
    body = told(scene.declare(scene.first, f"{scene.line.name()}.txt"))
    query = urlencode({"contentLength": len(FILE), "contentType": FILE_TYPE})
    path = f"/documents/{scene.first}/attachments/{scene.line.name()}.txt?{query}"
    return f"body {body}, query {told(scene.main.put(path))}"


def answer(scene: Scene) -> str:
    up = scene.declare(scene.first, f"{scene.line.name()}.txt")
    down = scene.main.get(f"/documents/{scene.first}/attachments/{_stored(scene)}")
    keys = (", ".join(sorted(each.object)) or "none" for each in (up, down))
    return "keys of upload: {}, of download: {}".format(*keys)


def too_early(scene: Scene) -> str:
    return told(scene.main.get(f"/documents/{scene.first}/attachments/{_declared(scene)[0]}"))


def listed(scene: Scene) -> str:
    return "listed" if _attachment(scene, _declared(scene)[0]) else "not listed"


def declared_again(scene: Scene) -> str:
    name = f"{scene.line.name()}.txt"
    scene.declare(scene.first, name)
    before = _attachment(scene, name)
    again = scene.declare(scene.first, name, contentLength=len(FILE) + 1)
    if not again.accepted:
        return told(again)
    after = _attachment(scene, name)
    same = "the same id" if before.get("id") == after.get("id") else "another id"
    return f"{same}, the {'new' if after.get('contentLength') == len(FILE) + 1 else 'old'} length"


def file_names(scene: Scene) -> str:
    names = {"256 characters": "a" * 256, "a backslash": "a\\b", "a control character": "a\x01b"}
    found = []
    for what, odd in names.items():
        name = quote(scene.line.name() + odd, safe="")
        found.append(f"{what} {told(scene.declare(scene.first, name))}")
    return ", ".join(found)


def large_file(scene: Scene) -> str:
    """It is declared only, never sent."""
    return told(scene.declare(scene.first, f"{scene.line.name()}.txt", contentLength=_LARGE))


# The storage ----------------------------------------------------------------------------------------------


def entity_tag(scene: Scene) -> str:
    sent = scene.store("PUT", _upload_url(scene), _TYPE, FILE)
    if not sent.accepted:
        return told_storage(sent)
    digest = f'"{md5(FILE, usedforsecurity=False).hexdigest()}"'
    return f"{sent.status}, the {'quoted MD5' if sent.header('etag') == digest else 'ETag is something else'}"


def uploaded_again(scene: Scene) -> str:
    url = _upload_url(scene)
    other = bytes(reversed(FILE))
    first, second = (scene.store("PUT", url, _TYPE, body) for body in (FILE, other))
    if not first.accepted or not second.accepted:
        return f"first {told_storage(first)}, second {told_storage(second)}"
    name = _declared(scene)[0]
    found = scene.store("GET", _download_url(scene, name), {})
    return "the second counts" if found.body == other else "the first stays"


def errors(scene: Scene) -> str:
    refused = scene.store("PUT", _tampered(_upload_url(scene)), _TYPE, FILE)
    parts = [name for name in ("Code", "Message", "RequestId") if f"<{name}>".encode() in refused.body]
    xml = "XML" if b"<Error>" in refused.body else "no XML"
    return f"{xml} with {', '.join(parts) or 'nothing known'}"


def signature(scene: Scene) -> str:
    url = _upload_url(scene)
    tampered = told_storage(scene.store("PUT", _tampered(url), _TYPE, FILE))
    return f"tampered {tampered}, another method {told_storage(scene.store('GET', url, {}))}"


def other_length(scene: Scene) -> str:
    return told_storage(scene.store("PUT", _upload_url(scene), _TYPE, FILE + b"more"))


def no_length(scene: Scene) -> str:
    return told_storage(scene.store("PUT", _upload_url(scene), _TYPE))


def bearer(scene: Scene) -> str:
    """An invented token: a real one is nothing for the storage."""
    headers = {**_TYPE, "authorization": "Bearer carrot-mock-drift"}
    return told_storage(scene.store("PUT", _upload_url(scene), headers, FILE))


def download(scene: Scene) -> str:
    url = _download_url(scene, _stored(scene))
    whole = scene.store("GET", url, {})
    if not whole.accepted:
        return told_storage(whole)
    part, beyond = (scene.store("GET", url, {"range": f"bytes={text}"}) for text in ("0-3", "9999-"))
    right = "the stored type" if whole.header("content-type") == FILE_TYPE else "another type"
    ranges = whole.header("accept-ranges") or "nothing"
    return f"{right}, Accept-Ranges {ranges}, a range {part.status}, one beyond the end {beyond.status}"


def _declared(scene: Scene) -> tuple[str, str]:
    """The name of a file that no probe uploads before it has to, and its URL."""

    def declare() -> tuple[str, str]:
        name = f"{scene.line.name()}.txt"
        found = scene.declare(scene.first, name)
        if not isinstance(url := found.object.get("url"), str) or "://" not in url:
            raise CannotProbe(f"declaring a file for it was answered {told(found)}, without a url")
        return name, url

    return scene.once("declared", declare)


def _upload_url(scene: Scene) -> str:
    return _declared(scene)[1]


def _stored(scene: Scene) -> str:
    """The name of a file that was uploaded."""

    def store() -> str:
        name = f"{scene.line.name()}.txt"
        url = str(scene.declare(scene.first, name).object.get("url"))
        sent = scene.store("PUT", url, _TYPE, FILE)
        if not sent.accepted:
            raise CannotProbe(f"uploading a file for it was answered {told_storage(sent)}")
        return name

    return scene.once("stored", store)


def _download_url(scene: Scene, name: str) -> str:
    found = scene.main.get(f"/documents/{scene.first}/attachments/{name}")
    if not isinstance(url := found.object.get("url"), str) or "://" not in url:
        raise CannotProbe(f"the download URL for it was answered {told(found)}, without a url")
    return url


def _attachment(scene: Scene, name: str) -> dict[str, object]:
    found = scene.read(scene.first).get("attachments")
    files = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return next((each for each in files if each.get("fileName") == name), {})


def _query(url: str, name: str) -> str:
    values = parse_qs(urlsplit(url).query).get(name)
    if not values:
        raise NotProbed(f"its URLs have no {name}, so they are not signed as Amazon S3 does")
    return values[0]


def _tampered(url: str) -> str:
    last = url[-1]
    return url[:-1] + ("1" if last == "0" else "0")


def _seconds(seen: str) -> str | None:
    number = seen.split()[0]
    return number if number.isdigit() else None


PROBES: Final = (
    Probe("presign-signed-headers", signed_headers),
    Probe("presign-lifetime", lifetime, value=_seconds),
    Probe("attachment-parameters", parameters),
    Probe("download-before-upload", too_early),
    Probe("declared-is-listed", listed),
    Probe("s3-errors", errors),
    Probe("s3-signature", signature),
    Probe("s3-content-length", other_length),
    Probe("s3-length-required", no_length),
    Probe("s3-bearer", bearer),
    Probe("s3-etag", entity_tag),
    Probe("upload-again", uploaded_again),
    Probe("attachment-answer", answer),
    Probe("s3-download", download),
    Probe("declare-again", declared_again),
    Probe("filename-rules", file_names),
    Probe("file-limit", large_file),
)
