"""The storage: what is put is got back, whole or in part; S3's refusals; bytes within their bound."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from mock_server.presign import StorageKeys, presign
from mock_server.storage import (
    ObjectStore,
    StorageBudget,
    admit,
    answer,
    error_answer,
    object_key,
    object_path,
    stamp,
    to_xml,
)
from mock_server.storage_call import (
    AccessDeniedError,
    IncompleteBodyError,
    InsufficientStorageError,
    InvalidRangeError,
    InvalidURIError,
    MethodNotAllowedError,
    MissingContentLengthError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    SignatureDoesNotMatchError,
    StorageAnswer,
    StorageRequest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = StorageKeys("AKIDEXAMPLE", "secret", "us-east-1", "carrot")
NOW = datetime(2025, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
KEY = "document/attachment"
BODY = b"0123456789"
ETAG = f'"{hashlib.md5(BODY).hexdigest()}"'


def call(
    method: str,
    *,
    path: str = object_path("carrot", KEY),
    signed: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> StorageRequest:
    """A call signed for its method, with the headers `signed` and, beside them, `sent`."""
    signed = signed or {}
    url = presign(
        KEYS, method=method, scheme="http", host="mock", path=path, headers=signed, now=NOW, expires=900
    )
    parts = urlsplit(url)
    headers = {"host": "mock", **signed, **(sent or {})}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return StorageRequest(method, parts.path.encode(), parts.query.encode(), pairs)


def put(store: ObjectStore, body: bytes = BODY, content_type: str = "text/plain") -> StorageAnswer:
    request = call("PUT", signed={"content-length": str(len(body)), "content-type": content_type})
    assert admit(KEYS, request, NOW) == len(body)
    return answer(store, "carrot", request, body, NOW)


def get(store: ObjectStore, *, method: str = "GET", **sent: str) -> StorageAnswer:
    headers = {name.replace("_", "-"): value for name, value in sent.items()}
    request = call(method, sent=headers)
    assert admit(KEYS, request, NOW) == 0
    return answer(store, "carrot", request, b"", NOW)


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(StorageBudget(1_000))


@pytest.fixture
def filled(store: ObjectStore) -> ObjectStore:
    put(store)
    return store


class TestPut:
    def test_answers_with_the_quoted_md5(self, store: ObjectStore) -> None:
        given = put(store)
        assert (given.status, given.body) == (200, b"")
        assert dict(given.headers) == {b"etag": ETAG.encode(), b"content-length": b"0"}
        assert KEY in store

    def test_an_empty_object(self, store: ObjectStore) -> None:
        put(store, b"")
        assert get(store).body == b""

    @pytest.mark.parametrize("content", [b"\x00\xff\r\n", b'{"not": "read"', b"\xed\xa0\x80"])
    def test_the_content_is_not_looked_at(self, store: ObjectStore, content: bytes) -> None:
        put(store, content)
        assert get(store).body == content

    def test_a_second_upload_replaces_the_first(self, filled: ObjectStore) -> None:
        put(filled, b"new", "image/png")
        given = get(filled)
        assert (given.body, dict(given.headers)[b"content-type"]) == (b"new", b"image/png")
        assert len(filled) == 1

    @pytest.mark.parametrize("sent", [{"content-type": "image/png"}, {"content-type": "x-any/thing"}])
    def test_the_type_that_came_is_kept_when_only_the_length_is_signed(
        self, store: ObjectStore, sent: dict[str, str]
    ) -> None:
        request = call("PUT", signed={"content-length": "10"}, sent=sent)
        admit(KEYS, request, NOW)
        answer(store, "carrot", request, BODY, NOW)
        assert dict(get(store).headers)[b"content-type"].decode() == sent["content-type"]

    def test_no_type_at_all(self, store: ObjectStore) -> None:
        request = call("PUT", signed={"content-length": "10"})
        answer(store, "carrot", request, BODY, NOW)
        assert dict(get(store).headers)[b"content-type"] == b"binary/octet-stream"

    @pytest.mark.parametrize("sent", [{}, {"transfer-encoding": "chunked"}, {"content-length": "ten"}])
    def test_no_length(self, sent: dict[str, str]) -> None:
        with pytest.raises(MissingContentLengthError) as caught:
            admit(KEYS, call("PUT", sent=sent), NOW)
        assert (caught.value.status, caught.value.code) == (411, "MissingContentLength")

    def test_another_length_than_the_signed_one(self) -> None:
        with pytest.raises(SignatureDoesNotMatchError):
            admit(KEYS, call("PUT", signed={"content-length": "10"}, sent={"content-length": "11"}), NOW)

    def test_a_body_cut_short_stores_nothing(self, store: ObjectStore) -> None:
        request = call("PUT", signed={"content-length": "10"})
        with pytest.raises(IncompleteBodyError) as caught:
            answer(store, "carrot", request, BODY[:9], NOW)
        assert (caught.value.status, caught.value.code) == (400, "IncompleteBody")
        assert KEY not in store


class TestGet:
    def test_the_whole_object(self, filled: ObjectStore) -> None:
        given = get(filled)
        assert (given.status, given.body) == (200, BODY)
        assert dict(given.headers) == {
            b"content-type": b"text/plain",
            b"content-length": b"10",
            b"etag": ETAG.encode(),
            b"last-modified": b"Sat, 01 Mar 2025 12:30:15 GMT",
            b"accept-ranges": b"bytes",
        }

    def test_a_head_signed_as_head(self, filled: ObjectStore) -> None:
        given = get(filled, method="HEAD")
        assert (given.status, given.body) == (200, b"")
        assert dict(given.headers)[b"content-length"] == b"10"

    def test_nothing_there(self, store: ObjectStore) -> None:
        with pytest.raises(NoSuchKeyError, match=r"The specified key does not exist\.") as caught:
            get(store)
        assert (caught.value.status, caught.value.code) == (404, "NoSuchKey")

    @pytest.mark.parametrize(
        ("asked", "content", "content_range"),
        [
            ("bytes=0-3", b"0123", b"bytes 0-3/10"),
            ("bytes=9-9", b"9", b"bytes 9-9/10"),
            ("bytes=4-", b"456789", b"bytes 4-9/10"),
            ("bytes=4-99", b"456789", b"bytes 4-9/10"),
            ("bytes=-3", b"789", b"bytes 7-9/10"),
            ("bytes=-99", BODY, b"bytes 0-9/10"),
            ("BYTES=1-1", b"1", b"bytes 1-1/10"),
        ],
    )
    def test_a_range(self, filled: ObjectStore, asked: str, content: bytes, content_range: bytes) -> None:
        given = get(filled, range=asked)
        headers = dict(given.headers)
        assert (given.status, given.body) == (206, content)
        assert headers[b"content-range"] == content_range
        assert headers[b"content-length"] == str(len(content)).encode()

    @pytest.mark.parametrize(
        "asked",
        [
            "bytes=0-1,4-5",
            "bytes=3-1",
            "bytes=-",
            "bytes=a-b",
            "bytes 0-3",
            "items=0-3",
            "bytes=--3",
            "",
            "٣",
        ],
    )
    def test_a_range_that_is_several_or_unreadable_is_ignored(self, filled: ObjectStore, asked: str) -> None:
        given = get(filled, range=asked)
        assert (given.status, given.body) == (200, BODY)

    @pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-12", "bytes=-0"])
    def test_a_range_beyond_the_end(self, filled: ObjectStore, asked: str) -> None:
        with pytest.raises(InvalidRangeError) as caught:
            get(filled, range=asked)
        given = error_answer(caught.value, call("GET"), "REQUEST", "HOST")
        assert given.status == 416
        assert dict(given.headers)[b"content-range"] == b"bytes */10"
        assert ET.fromstring(given.body).findtext("RangeRequested") == asked
        assert ET.fromstring(given.body).findtext("ActualObjectSize") == "10"

    def test_any_range_of_an_empty_object(self, store: ObjectStore) -> None:
        put(store, b"")
        with pytest.raises(InvalidRangeError):
            get(store, range="bytes=0-")

    LATER = "Sat, 01 Mar 2025 12:30:16 GMT"
    SAME = "Sat, 01 Mar 2025 12:30:15 GMT"
    EARLIER = "Sat, 01 Mar 2025 12:30:14 GMT"

    @pytest.mark.parametrize(
        "headers",
        [
            {"if_none_match": ETAG},
            {"if_none_match": f'"x", W/{ETAG}'},
            {"if_none_match": "*"},
            {"if_none_match": ETAG, "if_modified_since": EARLIER},
            {"if_modified_since": SAME},
            {"if_modified_since": LATER},
        ],
    )
    def test_not_modified(self, filled: ObjectStore, headers: dict[str, str]) -> None:
        given = get(filled, **headers)
        assert (given.status, given.body) == (304, b"")
        assert dict(given.headers)[b"etag"] == ETAG.encode()

    @pytest.mark.parametrize(
        "headers",
        [
            {"if_none_match": '"x"'},
            {"if_none_match": '"x"', "if_modified_since": LATER},
            {"if_match": ETAG},
            {"if_match": ETAG.strip('"')},
            {"if_match": "*"},
            {"if_match": ETAG, "if_unmodified_since": EARLIER},
            {"if_modified_since": EARLIER},
            {"if_modified_since": "yesterday"},
            {"if_unmodified_since": SAME},
        ],
    )
    def test_modified(self, filled: ObjectStore, headers: dict[str, str]) -> None:
        assert get(filled, **headers).status == 200

    @pytest.mark.parametrize(
        ("headers", "condition"),
        [
            ({"if_match": '"x"'}, "If-Match"),
            ({"if_match": '"x"', "if_none_match": ETAG}, "If-Match"),
            ({"if_unmodified_since": EARLIER}, "If-Unmodified-Since"),
        ],
    )
    def test_precondition_failed(self, filled: ObjectStore, headers: dict[str, str], condition: str) -> None:
        with pytest.raises(PreconditionFailedError) as caught:
            get(filled, **headers)
        assert (caught.value.status, caught.value.extra) == (412, {"Condition": condition})


class TestWhere:
    def test_a_key_is_the_decoded_path(self) -> None:
        assert object_key("carrot", b"/_storage/carrot/a%20b/../c%2Fd") == "a b/../c/d"

    def test_another_bucket(self, store: ObjectStore) -> None:
        request = call("GET", path=object_path("other", KEY))
        admit(KEYS, request, NOW)
        with pytest.raises(NoSuchBucketError, match="carrot"):
            answer(store, "carrot", request, b"", NOW)

    def test_a_path_that_is_no_text(self) -> None:
        with pytest.raises(InvalidURIError):
            object_key("carrot", b"/_storage/carrot/%ff")

    @pytest.mark.parametrize("method", ["DELETE", "POST"])
    def test_a_well_signed_method_that_is_not_there(self, method: str) -> None:
        with pytest.raises(MethodNotAllowedError) as caught:
            admit(KEYS, call(method), NOW)
        assert (caught.value.status, caught.value.headers) == (405, ((b"allow", b"GET, HEAD, PUT"),))


class TestBudget:
    def test_stores_share_one_bound(self) -> None:
        budget = StorageBudget(15)
        one, two = ObjectStore(budget), ObjectStore(budget)
        put(one)
        with pytest.raises(InsufficientStorageError) as caught:
            put(two)
        assert (caught.value.status, caught.value.code) == (507, "InsufficientStorage")
        for part in ("This object of 10 bytes", "10 of the 15 bytes", "storage-bytes"):
            assert part in caught.value.message
        assert (len(two), budget.used_bytes) == (0, 10)

    def test_replacing_gives_the_old_bytes_back_first(self) -> None:
        budget = StorageBudget(10)
        store = ObjectStore(budget)
        put(store)
        put(store, b"abcdefghij")
        put(store, b"ab")
        assert budget.used_bytes == store.size_bytes == 2

    def test_a_refused_replacement_leaves_the_old_object(self) -> None:
        budget = StorageBudget(10)
        store = ObjectStore(budget)
        put(store)
        with pytest.raises(InsufficientStorageError):
            put(store, BODY + b"!")
        assert (get(store).body, budget.used_bytes) == (BODY, 10)

    def test_clearing_gives_everything_back(self) -> None:
        budget = StorageBudget(10)
        store = ObjectStore(budget)
        put(store)
        store.close()
        store.close()
        assert (budget.used_bytes, len(store)) == (0, 0)
        put(store)

    def test_uploads_under_way_count(self) -> None:
        budget = StorageBudget(15)
        store = ObjectStore(budget)
        with store.receiving("a", 10):
            assert budget.used_bytes == 10
            with pytest.raises(InsufficientStorageError, match="under way"), store.receiving("b", 6):
                pass
        assert budget.used_bytes == 0

    def test_an_upload_in_place_of_another_needs_only_the_difference(self) -> None:
        budget = StorageBudget(10)
        store = ObjectStore(budget)
        put(store)
        with store.receiving(KEY, 10):
            assert budget.used_bytes == 10
        with pytest.raises(RuntimeError), store.receiving(KEY, 4):
            raise RuntimeError("the client left")
        assert budget.used_bytes == 10


class TestXml:
    def test_the_shape_of_an_error(self) -> None:
        error = NoSuchKeyError("The specified key does not exist.", extra={"Key": KEY})
        assert to_xml(error, "/carrot/x", "REQUEST", "HOST").decode() == (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
            f"<Message>The specified key does not exist.</Message><Key>{KEY}</Key>"
            "<Resource>/carrot/x</Resource><RequestId>REQUEST</RequestId><HostId>HOST</HostId></Error>"
        )

    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("<b>&amp;\"'", "<b>&amp;\"'"),
            ("]]>", "]]>"),
            ("é × 𝄞", "é × 𝄞"),
            ("a\r\nb\tc", "a\r\nb\tc"),
            ("a\x00b\x1bc\ufffe", "a\ufffdb\ufffdc\ufffd"),
            ("\ud800", "\ufffd"),
        ],
    )
    def test_any_text_makes_readable_xml(self, text: str, read: str) -> None:
        root = ET.fromstring(to_xml(NoSuchKeyError(text, extra={"Key": text}), text, text, text))
        assert [child.text for child in root] == ["NoSuchKey", read, read, read, read, read]

    def test_a_refusal_is_an_answer_with_both_ids(self) -> None:
        request = call("GET", path=object_path("carrot", "ä <&>"))
        given = error_answer(NoSuchKeyError("Nothing."), request, "REQUEST", "HOST")
        headers = dict(given.headers)
        assert given.status == 404
        assert headers[b"content-type"] == b"application/xml"
        assert headers[b"content-length"] == str(len(given.body)).encode()
        assert (headers[b"x-amz-request-id"], headers[b"x-amz-id-2"]) == (b"REQUEST", b"HOST")
        root = ET.fromstring(given.body)
        assert root.findtext("Resource") == "/_storage/carrot/ä <&>"
        assert (root.findtext("RequestId"), root.findtext("HostId")) == ("REQUEST", "HOST")

    def test_a_refused_head_has_no_body(self) -> None:
        given = error_answer(NoSuchKeyError("Nothing."), call("HEAD"), "REQUEST", "HOST")
        assert given.body == b""
        assert int(dict(given.headers)[b"content-length"]) > 0

    def test_a_success_is_stamped_too(self, filled: ObjectStore) -> None:
        given = get(filled)
        stamped = stamp(given, "REQUEST", "HOST")
        assert (stamped.status, stamped.body) == (given.status, given.body)
        assert stamped.headers[2:] == given.headers


def test_an_upload_url_that_has_run_out_stores_nothing(store: ObjectStore) -> None:
    request = call("PUT", signed={"content-length": "10"})
    with pytest.raises(AccessDeniedError, match="Request has expired"):
        admit(KEYS, request, NOW + timedelta(minutes=15, seconds=1))
    assert len(store) == 0
