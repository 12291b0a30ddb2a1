"""Signing a storage URL and checking a request: equal to botocore, and nothing signed may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.presign import CLOCK_SKEW, StorageKeys, claimed_access_key, presign, verify
from mock_server.storage_call import (
    AccessDeniedError,
    AuthorizationHeaderError,
    InvalidAccessKeyIdError,
    QueryParametersError,
    SignatureDoesNotMatchError,
    StorageError,
    StorageRequest,
    UnsupportedSignatureError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEYS = StorageKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "carrot")
NOW = datetime(2025, 3, 1, 12, 30, 15, tzinfo=UTC)
PATH = "/_storage/carrot/0195cd2e-3f2b-7000-8000-000000000001/0195cd2e-3f2b-7000-8000-000000000002"
HOST = "localhost:9100"
STRICT = {"content-length": "11", "content-type": "application/pdf"}
LENGTH_ONLY = {"content-length": "11"}


def url_of(
    *,
    method: str = "PUT",
    path: str = PATH,
    headers: Mapping[str, str] = STRICT,
    host: str = HOST,
    now: datetime = NOW,
    keys: StorageKeys = KEYS,
    expires: int = 900,
) -> str:
    return presign(
        keys, method=method, scheme="http", host=host, path=path, headers=headers, now=now, expires=expires
    )


def request_for(url: str, *, method: str = "PUT", headers: Mapping[str, str] = STRICT) -> StorageRequest:
    """What a client that calls `url` sends."""
    parts = urlsplit(url)
    sent = {"host": parts.netloc, "user-agent": "a client", **headers}
    return StorageRequest(
        method,
        parts.path.encode(),
        parts.query.encode(),
        [(name.encode(), value.encode()) for name, value in sent.items()],
    )


def with_parameter(url: str, name: str, value: str | None) -> str:
    """The URL with one query parameter replaced, or left out when `value` is None."""
    parts = urlsplit(url)
    pairs = dict(parse_qsl(parts.query))
    if value is None:
        del pairs[name]
    else:
        pairs[name] = value
    return parts._replace(query=urlencode(pairs, quote_via=quote)).geturl()


def self_signed(**parameters: str) -> str:
    """A URL of which some signing parameters are other than `presign` would ever make them."""
    url = url_of(method="GET", headers={})
    for name, value in parameters.items():
        url = with_parameter(url, f"X-Amz-{name}", value)
    return url


@pytest.fixture
def frozen_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: NOW.replace(tzinfo=None))


@pytest.mark.usefixtures("frozen_botocore")
class TestBotocore:
    """For the same keys, time and request, botocore makes the very same URL."""

    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("PUT", STRICT),
            ("PUT", LENGTH_ONLY),
            ("PUT", {"content-length": "0", "content-type": 'text/plain;   charset="utf-8" '}),
            ("PUT", {**STRICT, "x-amz-meta-note": "a  b"}),
            ("GET", {}),
            ("HEAD", {}),
        ],
    )
    @pytest.mark.parametrize(
        "path",
        [PATH, "/_storage/carrot/a b+c/é~/*'()!$&=,;:@%2F", "/_storage/carrot/a//b/../c/./d/"],
    )
    @pytest.mark.parametrize(
        "host", ["localhost:9100", "localhost:80", "Mock.Example", "[::1]:9100", "127.0.0.1"]
    )
    def test_the_signer_agrees(self, method: str, headers: Mapping[str, str], path: str, host: str) -> None:
        request = AWSRequest(method, f"http://{host}{quote(path)}", headers=dict(headers))
        credentials = Credentials(KEYS.access_key_id, KEYS.secret_access_key)
        botocore.auth.S3SigV4QueryAuth(credentials, "s3", KEYS.region, expires=900).add_auth(request)
        ours = url_of(method=method, headers=headers, path=path, host=host)
        assert urlsplit(ours).query == urlsplit(request.url).query
        assert urlsplit(ours).path == urlsplit(request.url).path

    @pytest.mark.parametrize("key", ["document/attachment", "with space/ü+%.pdf"])
    def test_a_client_for_the_endpoint_agrees(self, key: str) -> None:
        client = Session().create_client(
            "s3",
            endpoint_url=f"http://{HOST}/_storage",
            region_name=KEYS.region,
            aws_access_key_id=KEYS.access_key_id,
            aws_secret_access_key=KEYS.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )
        target = {"Bucket": KEYS.bucket, "Key": key}
        path = f"/_storage/{KEYS.bucket}/{key}"
        declared = {"ContentLength": 11, "ContentType": "application/pdf"}
        put = client.generate_presigned_url("put_object", Params={**target, **declared}, ExpiresIn=900)
        get = client.generate_presigned_url("get_object", Params=target, ExpiresIn=60)
        assert put == url_of(path=path)
        assert get == url_of(path=path, method="GET", headers={}, expires=60)


host_names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{3})?", fullmatch=True)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@settings(deadline=None)  # a busy machine is no failure
@given(
    path=st.text(st.characters(exclude_categories=["Cs"])),
    host=host_names,
    headers=st.dictionaries(st.from_regex(r"content-[a-z]{1,9}", fullmatch=True), header_values),
    method=st.sampled_from(["GET", "PUT", "HEAD"]),
    expires=st.integers(1, 604_800),
    age=st.floats(0, 1),
)
def test_what_is_signed_is_accepted_during_its_life(
    path: str, host: str, headers: dict[str, str], method: str, expires: int, age: float
) -> None:
    url = url_of(method=method, path=f"/{path}", headers=headers, host=host, expires=expires)
    target = url.removeprefix(f"http://{host}").partition("?")
    sent = [(name.encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    request = StorageRequest(method, target[0].encode(), target[2].encode(), sent)
    verify(KEYS, request, NOW + timedelta(seconds=expires * age))


class TestChangedParts:
    """A change of any signed part is a SignatureDoesNotMatch."""

    def refused(self, request: StorageRequest) -> SignatureDoesNotMatchError:
        with pytest.raises(SignatureDoesNotMatchError) as caught:
            verify(KEYS, request, NOW)
        assert (caught.value.status, caught.value.code) == (403, "SignatureDoesNotMatch")
        assert KEYS.secret_access_key not in repr((caught.value.message, caught.value.extra))
        return caught.value

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-Amz-Date", "20250301T123016Z"),
            ("X-Amz-Expires", "901"),
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-SignedHeaders", "content-length;content-type"),
            ("X-Amz-SignedHeaders", "host;content-type;content-length"),
            ("X-Amz-Signature", "0" * 64),
            ("X-Amz-Signature", "é"),
            ("x-id", "PutObject"),
            ("response-content-type", "text/html"),
        ],
    )
    def test_query_parameter(self, name: str, value: str) -> None:
        self.refused(request_for(with_parameter(url_of(), name, value)))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("host", "other:9100"),
            ("content-length", "12"),
            ("content-type", "application/pdf; charset=x"),
            ("content-type", "image/png"),
        ],
    )
    def test_signed_header(self, name: str, value: str) -> None:
        self.refused(request_for(url_of(), headers={**STRICT, name: value}))

    def test_a_signed_header_sent_twice(self) -> None:
        request = request_for(url_of())
        twice = [*request.headers, (b"content-type", b"application/pdf")]
        self.refused(StorageRequest(request.method, request.path, request.query, twice))

    def test_a_signed_header_left_out_is_named(self) -> None:
        error = self.refused(request_for(url_of(), headers=LENGTH_ONLY))
        assert "did not come: content-type." in error.message

    def test_a_signed_header_left_out_is_not_an_empty_one(self) -> None:
        url = url_of(headers={"content-length": "1", "content-type": ""})
        self.refused(request_for(url, headers={"content-length": "1"}))

    @pytest.mark.parametrize("other", ["GET", "HEAD", "POST", "DELETE", "PATCH"])
    def test_method(self, other: str) -> None:
        error = self.refused(request_for(url_of(), method=other))
        assert f"The URL was signed for PUT; {other} came." in error.message

    def test_a_head_on_a_download_url(self) -> None:
        request = request_for(url_of(method="GET", headers={}), method="HEAD", headers={})
        assert "The URL was signed for GET; HEAD came." in self.refused(request).message

    @pytest.mark.parametrize(
        "path", [PATH[:-1] + "3", PATH + "/", PATH.replace("/_storage/", "/_storage//"), "/", PATH + "%00"]
    )
    def test_path(self, path: str) -> None:
        request = request_for(url_of())
        self.refused(StorageRequest(request.method, path.encode(), request.query, request.headers))

    def test_secret(self) -> None:
        other = StorageKeys(KEYS.access_key_id, "another", KEYS.region, KEYS.bucket)
        self.refused(request_for(url_of(keys=other)))

    def test_the_answer_shows_what_the_server_signed(self) -> None:
        extra = self.refused(request_for(url_of(), headers={**STRICT, "content-length": "12"})).extra
        assert list(extra) == [
            "AWSAccessKeyId",
            "StringToSign",
            "SignatureProvided",
            "StringToSignBytes",
            "CanonicalRequest",
            "CanonicalRequestBytes",
        ]
        assert extra["StringToSign"].startswith("AWS4-HMAC-SHA256\n20250301T123015Z\n20250301/us-east-1/s3/")
        assert extra["CanonicalRequest"].startswith(f"PUT\n{PATH}\nX-Amz-Algorithm=AWS4-HMAC-SHA256&")
        assert "\ncontent-length:12\ncontent-type:application/pdf\n" in extra["CanonicalRequest"]
        assert bytes.fromhex(extra["StringToSignBytes"]).decode() == extra["StringToSign"]


class TestUnchangedParts:
    """What a signature does not cover may be what it likes."""

    def test_the_content_type_when_only_the_length_is_signed(self) -> None:
        headers = {**LENGTH_ONLY, "content-type": "image/png"}
        verify(KEYS, request_for(url_of(headers=LENGTH_ONLY), headers=headers), NOW)

    def test_another_spelling_of_the_same_path_and_query(self) -> None:
        request = request_for(url_of())
        path = request.path.replace(b"carrot", b"%63arrot")
        query = b"&".join(reversed(request.query.replace(b"%3B", b";").replace(b"%2F", b"/").split(b"&")))
        verify(KEYS, StorageRequest("PUT", path, query, request.headers), NOW)

    def test_spaces_around_a_header(self) -> None:
        verify(KEYS, request_for(url_of(), headers={**STRICT, "content-type": " application/pdf "}), NOW)

    def test_a_host_that_leaves_out_the_default_port(self) -> None:
        url = url_of(host="localhost:80")
        assert url.startswith("http://localhost/")
        verify(KEYS, request_for(url), NOW)


class TestTime:
    """The life of a URL, on the clock that is passed."""

    request = request_for(url_of(expires=900))

    @pytest.mark.parametrize("age", [0, 1, 899, 900, -CLOCK_SKEW.total_seconds()])
    def test_alive(self, age: float) -> None:
        verify(KEYS, self.request, NOW + timedelta(seconds=age))

    def test_expired(self) -> None:
        with pytest.raises(AccessDeniedError, match=r"^Request has expired$") as caught:
            verify(KEYS, self.request, NOW + timedelta(seconds=900, microseconds=1))
        assert caught.value.status == 403
        assert caught.value.extra == {
            "X-Amz-Expires": "900",
            "Expires": "2025-03-01T12:45:15Z",
            "ServerTime": "2025-03-01T12:45:15Z",
        }

    def test_not_valid_yet(self) -> None:
        with pytest.raises(AccessDeniedError, match=r"^Request is not valid yet$") as caught:
            verify(KEYS, self.request, NOW - CLOCK_SKEW - timedelta(microseconds=1))
        assert caught.value.status == 403

    def test_another_zone_of_the_same_moment(self) -> None:
        zone = NOW.astimezone(timezone(timedelta(hours=-3)))
        assert url_of(now=zone) == url_of()
        verify(KEYS, self.request, zone)

    def test_the_last_day_of_the_calendar_is_only_not_yet(self) -> None:
        url = self_signed(
            Date="99991231T235959Z", Credential=f"{KEYS.access_key_id}/99991231/us-east-1/s3/aws4_request"
        )
        with pytest.raises(AccessDeniedError, match="not valid yet"):
            verify(KEYS, request_for(url, method="GET", headers={}), NOW)

    @pytest.mark.parametrize("expires", [0, -1, 604_801])
    def test_a_life_out_of_bounds_is_not_signed(self, expires: int) -> None:
        with pytest.raises(ValueError, match="1 to 604800 seconds"):
            url_of(expires=expires)


SCOPE = "20250301/us-east-1/s3/aws4_request"


class TestParameters:
    """Signing parameters that are absent or ill-formed are a 400, before anything else is looked at."""

    def refused(self, url: str, now: datetime = NOW) -> QueryParametersError:
        with pytest.raises(QueryParametersError) as caught:
            verify(KEYS, request_for(url, method="GET", headers={}), now)
        assert (caught.value.status, caught.value.code) == (400, "AuthorizationQueryParametersError")
        return caught.value

    @pytest.mark.parametrize(
        "name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"]
    )
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda url, name: with_parameter(url, name, None),
            lambda url, name: with_parameter(url, name, ""),
            lambda url, name: f"{url}&{name}=x",
        ],
        ids=["absent", "empty", "twice"],
    )
    def test_not_given_once(self, name: str, spoil: Callable[[str, str], str]) -> None:
        error = self.refused(spoil(url_of(method="GET", headers={}), f"X-Amz-{name}"))
        assert error.message.endswith(f"Not given exactly once: X-Amz-{name}.")

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("Algorithm", "AWS4-HMAC-SHA1", 'only supports "AWS4-HMAC-SHA256"'),
            ("Date", "2025-03-01T12:30:15Z", "ISO8601 Long Format"),
            ("Date", "20251301T123015Z", "ISO8601 Long Format"),
            ("Expires", "ten", "should be a number"),
            ("Expires", "٣", "should be a number"),
            ("Expires", "-1", "at least 1 second"),
            ("Expires", "0", "at least 1 second"),
            ("Expires", "604801", "less than a week"),
            ("Expires", "9" * 6000, "less than a week"),
            ("Credential", "AKIDEXAMPLE", "mal-formed"),
            ("Credential", f"/{SCOPE}", "mal-formed"),
            ("Credential", f"AKIDEXAMPLE/x/{SCOPE}", "mal-formed"),
            ("Credential", "AKIDEXAMPLE/20250302/us-east-1/s3/aws4_request", 'credential date "20250302"'),
            ("Credential", "AKIDEXAMPLE/20250301/sa-east-1/s3/aws4_request", "expecting 'us-east-1'"),
            ("Credential", "AKIDEXAMPLE/20250301/us-east-1/ec2/aws4_request", 'incorrect service "ec2"'),
            ("Credential", "AKIDEXAMPLE/20250301/us-east-1/s3/aws3_request", 'incorrect terminal "aws3_'),
        ],
    )
    def test_ill_formed(self, name: str, value: str, message: str) -> None:
        assert message in self.refused(self_signed(**{name: value})).message

    def test_bytes_that_are_no_text(self) -> None:
        self.refused(url_of(method="GET", headers={}).replace("AKIDEXAMPLE%2F", "%FF%FE"))

    def test_the_parameters_come_before_the_time(self) -> None:
        self.refused(self_signed(Expires="0"), NOW + timedelta(days=8))

    def test_the_longest_life(self) -> None:
        verify(KEYS, request_for(url_of(expires=604_800)), NOW + timedelta(days=7))


class TestMechanisms:
    """Keys, and other ways to sign."""

    def error(self, request: StorageRequest, keys: StorageKeys | None = KEYS) -> StorageError:
        with pytest.raises(StorageError) as caught:
            verify(keys, request, NOW)
        return caught.value

    @pytest.mark.parametrize("keys", [None, StorageKeys("OTHER", "secret", "us-east-1", "carrot")])
    def test_an_unknown_access_key(self, keys: StorageKeys | None) -> None:
        error = self.error(request_for(url_of(now=NOW - timedelta(days=1))), keys)
        assert isinstance(error, InvalidAccessKeyIdError)
        assert (error.status, error.extra) == (403, {"AWSAccessKeyId": "AKIDEXAMPLE"})

    def test_a_bearer_token_beside_the_signature(self) -> None:
        error = self.error(request_for(url_of(), headers={**STRICT, "authorization": "Bearer top-secret"}))
        assert isinstance(error, AuthorizationHeaderError)
        assert (error.status, error.code) == (400, "InvalidArgument")
        assert error.message.startswith("Only one auth mechanism allowed; ")
        assert "common slip" in error.message
        assert error.extra == {"ArgumentName": "Authorization", "ArgumentValue": "Bearer [redacted]"}

    def test_a_token_without_scheme_is_not_repeated(self) -> None:
        error = self.error(request_for(url_of(), headers={**STRICT, "authorization": "top-secret"}))
        assert error.extra["ArgumentValue"] == "[redacted]"

    def test_a_bearer_token_in_place_of_the_signature(self) -> None:
        request = request_for(f"http://{HOST}{PATH}", headers={"authorization": "Bearer x"})
        assert self.error(request).message.startswith("Unsupported Authorization Type.")

    def test_no_signature_at_all(self) -> None:
        error = self.error(request_for(f"http://{HOST}{PATH}"))
        assert isinstance(error, AccessDeniedError)
        assert error.message.startswith("Access Denied.")

    def test_signature_version_2(self) -> None:
        url = f"http://{HOST}{PATH}?AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=1"
        error = self.error(request_for(url))
        assert isinstance(error, UnsupportedSignatureError)
        assert error.message.endswith("Please use AWS4-HMAC-SHA256.")

    def test_an_amazon_header_that_is_not_signed(self) -> None:
        error = self.error(request_for(url_of(), headers={**STRICT, "x-amz-acl": "public-read"}))
        assert (error.code, error.extra) == ("AccessDenied", {"HeadersNotSigned": "x-amz-acl"})

    def test_the_claimed_access_key(self) -> None:
        assert claimed_access_key(request_for(url_of()).query) == "AKIDEXAMPLE"
        assert claimed_access_key(b"a=b&&c") is None
