"""Signs a storage URL with AWS Signature Version 4 in its query, and checks a request against such a URL.

Pure: the time is an argument, nothing is remembered. The rules and most texts are Amazon S3's (CONTRACT §11);
where a text is longer than S3's, the addition says what to do. Public description of the algorithm:
<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from mock_server.storage_call import (
    AccessDeniedError,
    AuthorizationHeaderError,
    InvalidAccessKeyIdError,
    QueryParametersError,
    SignatureDoesNotMatchError,
    UnsupportedSignatureError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mock_server.storage_call import StorageRequest

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_EXPIRES = 604_800
"""Seconds: a week, the longest life of a pre-signed URL."""
CLOCK_SKEW = timedelta(minutes=15)
"""How far `X-Amz-Date` may lie ahead of the server's clock."""

_PARAMETERS = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class StorageKeys:
    """What a signer of one workspace's storage needs; all four are shown by the control API."""

    access_key_id: str
    secret_access_key: str
    region: str
    bucket: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """The signing parameters of a request, well-formed but not yet believed."""

    access_key_id: str
    signed_at: datetime
    expires: int
    signed_headers: str
    signature: bytes


def presign(
    keys: StorageKeys,
    *,
    method: str,
    scheme: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    now: datetime,
    expires: int,
) -> str:
    """The URL at which `method` may be called once or often during `expires` seconds from `now`.

    `host` may carry a port; `path` is not yet percent-encoded; `headers` are the headers to be sent beside
    `host`, lower-case, and become part of what is signed. Raises ValueError when `expires` is not 1–604 800.
    """
    if not 1 <= expires <= MAX_EXPIRES:
        raise ValueError(f"a pre-signed URL lives 1 to {MAX_EXPIRES} seconds, not {expires}")
    host = host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))
    sent = sorted({**headers, "host": host}.items())
    now = now.astimezone(UTC)
    signed_headers = ";".join(name for name, _ in sent)
    query = _canonical_query(
        (f"X-Amz-{name}".encode(), value.encode())
        for name, value in (
            ("Algorithm", ALGORITHM),
            ("Credential", f"{keys.access_key_id}/{_scope(keys, now)}"),
            ("Date", now.strftime(_DATE_FORMAT)),
            ("Expires", str(expires)),
            ("SignedHeaders", signed_headers),
        )
    )
    encoded_path = quote(path, safe="/")
    lines = [(name, [value.encode()]) for name, value in sent]
    canonical = _canonical_request(method, encoded_path, query, lines, signed_headers)
    signature = _signature(keys, now, _string_to_sign(keys, now, canonical))
    return f"{scheme}://{host}{encoded_path}?{query}&X-Amz-Signature={signature}"


def claimed_access_key(query: bytes) -> str | None:
    """The access key id that a query names, unverified, for finding whose storage is meant; else None."""
    for name, value in _parse(query):
        if name == b"X-Amz-Credential":
            return value.split(b"/", 1)[0].decode("utf-8", "replace")
    return None


def verify(keys: StorageKeys | None, request: StorageRequest, now: datetime) -> None:
    """Return when `request` is what a holder of `keys` signed and `now` lies in its life; else raise.

    `keys` is None when nobody has the access key that the query names. The last valid moment is
    `X-Amz-Date` + `X-Amz-Expires`, included. Raises, in this order of checks: AuthorizationHeaderError,
    AccessDeniedError (nothing signed), UnsupportedSignatureError, QueryParametersError,
    InvalidAccessKeyIdError, AccessDeniedError (time), SignatureDoesNotMatchError, AccessDeniedError (a
    header that has to be signed is not).
    """
    query = _parse(request.query)
    _refuse_other_mechanisms(request, {name for name, _ in query})
    claim = _read_claim(keys, query)
    if keys is None or claim.access_key_id != keys.access_key_id:
        raise InvalidAccessKeyIdError(
            "The AWS Access Key Id you provided does not exist in our records.",
            extra={"AWSAccessKeyId": claim.access_key_id},
        )
    _check_time(claim, now.astimezone(UTC))
    _check_signature(keys, claim, request, query)
    _refuse_unsigned_headers(claim, request)


def _refuse_other_mechanisms(request: StorageRequest, names: set[bytes]) -> None:
    signed = any(name.startswith(b"X-Amz-") for name in names)
    authorization = request.header(b"authorization")
    if authorization is not None:
        scheme = authorization.split(b" ", 1)[0].decode("latin-1") if b" " in authorization else ""
        raise AuthorizationHeaderError(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
            "string parameter or the Authorization header should be specified. A pre-signed URL is called "
            "without the API's bearer token (sending it is a common slip): leave the header out."
            if signed
            else "Unsupported Authorization Type. The storage takes no Authorization header: call the whole "
            "pre-signed URL, with its query and without the API's bearer token.",
            extra={"ArgumentName": "Authorization", "ArgumentValue": f"{scheme} [redacted]".strip()},
        )
    if {b"AWSAccessKeyId", b"Signature"} <= names:
        raise UnsupportedSignatureError(
            f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
        )
    if not signed:
        raise AccessDeniedError(
            "Access Denied. The URL carries no signature: call it exactly as it was given, with its query."
        )


def _read_claim(keys: StorageKeys | None, query: Iterable[tuple[bytes, bytes]]) -> _Claim:
    """The signing parameters; raises QueryParametersError at one absent, double or ill-formed."""
    found: dict[str, list[str]] = {}
    for key, value in query:
        found.setdefault(key.decode("utf-8", "replace"), []).append(value.decode("utf-8", "replace"))
    given = {name: found.get(f"X-Amz-{name}", []) for name in _PARAMETERS}
    absent = [f"X-Amz-{name}" for name, values in given.items() if len(values) != 1 or not values[0]]
    if absent:
        raise QueryParametersError(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters. "
            f"Not given exactly once: {', '.join(absent)}."
        )
    parameters = {name: values[0] for name, values in given.items()}
    if parameters["Algorithm"] != ALGORITHM:
        raise QueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    signed_at = _read_date(parameters["Date"])
    return _Claim(
        access_key_id=_read_credential(keys, parameters["Credential"], parameters["Date"]),
        signed_at=signed_at,
        expires=_read_expires(parameters["Expires"]),
        signed_headers=parameters["SignedHeaders"],
        signature=parameters["Signature"].encode(),
    )


def _read_date(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise QueryParametersError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")


def _read_expires(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise QueryParametersError("X-Amz-Expires should be a number")
    if text.startswith("-") or not text.strip("0"):
        raise QueryParametersError("X-Amz-Expires must be at least 1 second")
    digits = text.lstrip("0")
    if len(digits) > len(str(MAX_EXPIRES)) or int(digits) > MAX_EXPIRES:
        raise QueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            f"at most {MAX_EXPIRES} seconds"
        )
    return int(digits)


def _read_credential(keys: StorageKeys | None, credential: str, date: str) -> str:
    """The access key id; the other four parts have to be this storage's scope."""
    parts = credential.split("/")
    slip, extra = "", {}
    if len(parts) != 5 or not parts[0]:
        slip = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".'
    elif parts[1] != date[:8]:
        raise QueryParametersError(
            f'Invalid credential date "{parts[1]}". This date is not the same as X-Amz-Date: "{date[:8]}".'
        )
    elif keys is not None and parts[2] != keys.region:
        slip = f"the region '{parts[2]}' is wrong; expecting '{keys.region}'"
        extra = {"Region": keys.region}
    elif parts[3] != "s3":
        slip = f'incorrect service "{parts[3]}". This endpoint belongs to "s3".'
    elif parts[4] != "aws4_request":
        slip = f'incorrect terminal "{parts[4]}". This endpoint uses "aws4_request".'
    if slip:
        raise QueryParametersError(f"Error parsing the X-Amz-Credential parameter; {slip}", extra=extra)
    return parts[0]


def _check_time(claim: _Claim, now: datetime) -> None:
    if now - claim.signed_at > timedelta(seconds=claim.expires):
        raise AccessDeniedError(
            "Request has expired",
            extra={
                "X-Amz-Expires": str(claim.expires),
                "Expires": _iso(claim.signed_at + timedelta(seconds=claim.expires)),
                "ServerTime": _iso(now),
            },
        )
    if claim.signed_at - now > CLOCK_SKEW:
        raise AccessDeniedError(
            "Request is not valid yet",
            extra={"X-Amz-Date": _iso(claim.signed_at), "ServerTime": _iso(now)},
        )


def _check_signature(
    keys: StorageKeys, claim: _Claim, request: StorageRequest, query: Iterable[tuple[bytes, bytes]]
) -> None:
    names = claim.signed_headers.split(";")
    lines = [(name, [value for key, value in request.headers if key == name.encode()]) for name in names]
    absent = [name for name, values in lines if not values]
    path = quote_from_bytes(unquote_to_bytes(request.path), safe="/")
    canonical_query = _canonical_query(pair for pair in query if pair[0] != b"X-Amz-Signature")

    def what_is_signed(method: str) -> tuple[bytes, str]:
        canonical = _canonical_request(method, path, canonical_query, lines, claim.signed_headers)
        return canonical, _string_to_sign(keys, claim.signed_at, canonical)

    def matches(method: str) -> bool:
        expected = _signature(keys, claim.signed_at, what_is_signed(method)[1])
        return hmac.compare_digest(expected.encode(), claim.signature)

    if matches(request.method) and not absent:
        return
    if absent:
        hint = f"These signed headers did not come: {', '.join(absent)}."
    elif signed_for := [method for method in _METHODS if method != request.method and matches(method)]:
        hint = f"The URL was signed for {signed_for[0]}; {request.method} came."
    else:
        hint = (
            "The method, the path, the query and these headers have to be what they were when the URL was "
            f"made: {', '.join(names)}."
        )
    canonical, to_sign = what_is_signed(request.method)
    raise SignatureDoesNotMatchError(
        "The request signature we calculated does not match the signature you provided. Check your key and "
        f"signing method. {hint}",
        extra={
            "AWSAccessKeyId": claim.access_key_id,
            "StringToSign": to_sign,
            "SignatureProvided": claim.signature.decode(),
            "StringToSignBytes": to_sign.encode().hex(" "),
            "CanonicalRequest": canonical.decode("utf-8", "replace"),
            "CanonicalRequestBytes": canonical.hex(" "),
        },
    )


def _refuse_unsigned_headers(claim: _Claim, request: StorageRequest) -> None:
    """`host` and every `x-amz-…` header that comes has to be among the signed ones."""
    signed = claim.signed_headers.split(";")
    came = [name.decode("latin-1") for name, _ in request.headers]
    loose = sorted({n for n in came if n not in signed and (n == "host" or n.startswith("x-amz-"))})
    if loose:
        raise AccessDeniedError(
            "There were headers present in the request which were not signed",
            extra={"HeadersNotSigned": ", ".join(loose)},
        )


def _parse(query: bytes) -> list[tuple[bytes, bytes]]:
    """The decoded names and values of a query, in order; a name without `=` has an empty value."""
    pairs = (pair.partition(b"=") for pair in query.replace(b"+", b"%20").split(b"&") if pair)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _canonical_query(pairs: Iterable[tuple[bytes, bytes]]) -> str:
    encoded = ((quote_from_bytes(name, safe=""), quote_from_bytes(value, safe="")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _canonical_request(
    method: str, path: str, query: str, lines: Iterable[tuple[str, list[bytes]]], signed_headers: str
) -> bytes:
    """What is signed: method, path, query, headers (spaces folded), their names, no payload hash."""
    headers = b"".join(
        name.encode() + b":" + b",".join(b" ".join(value.split()) for value in values) + b"\n"
        for name, values in lines
    )
    head = f"{method}\n{path}\n{query}\n".encode()
    return head + headers + f"\n{signed_headers}\nUNSIGNED-PAYLOAD".encode()


def _scope(keys: StorageKeys, when: datetime) -> str:
    return f"{when:%Y%m%d}/{keys.region}/s3/aws4_request"


def _string_to_sign(keys: StorageKeys, when: datetime, canonical: bytes) -> str:
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{when.strftime(_DATE_FORMAT)}\n{_scope(keys, when)}\n{digest}"


def _signature(keys: StorageKeys, when: datetime, string_to_sign: str) -> str:
    key = b"AWS4" + keys.secret_access_key.encode()
    for part in (*_scope(keys, when).split("/"), string_to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
