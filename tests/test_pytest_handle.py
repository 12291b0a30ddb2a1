"""`carrot` and its clients: a world of a test's own, over the socket and in process."""

from __future__ import annotations

import asyncio
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator

import httpx
import pytest
from conftest import Serving, created
from payloads import mass_id

from pytest_carrot.clients import async_client_of, close_without_a_loop
from pytest_carrot.control import ControlError, JsonControl, Socket
from pytest_carrot.handle import Carrot, new_workspace
from pytest_carrot.server import server_at

BOTH = ["carrot", "carrot_asgi"]


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest) -> Carrot:
    found: Carrot = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(world: Carrot, request: pytest.FixtureRequest) -> httpx.Client:
    found: httpx.Client = (
        request.getfixturevalue("carrot_client") if type(world) is Carrot else world.client  # type: ignore[attr-defined]
    )
    return found


@pytest.fixture
def another(server: Serving) -> Iterator[Callable[..., Carrot]]:
    """Opens worlds on a server in another process."""
    with server_at(server.url, None) as found:

        def open_world(environment: str = "test") -> Carrot:
            workspace = new_workspace(found.control, seed=1, semantics={}, rate_limit="off")
            control = found.control.within(f"workspaces/{workspace['id']}")
            return Carrot(found.wire, control, found.url, workspace, environment)

        yield open_world


def post_anonymously(world: Carrot, client: httpx.Client, *, authorization: str) -> httpx.Response:
    return client.post(
        world.token_url,
        data={"grant_type": "client_credentials"},
        headers={"Authorization": authorization},
    )


# A world ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(3))
def test_every_test_begins_with_nothing(number: int, world: Carrot, client: httpx.Client) -> None:
    assert world.documents.all() == []
    assert world.ledger.records() == []
    created(client.post("/documents", json=mass_id(deduplicationId="the same in each")))
    assert len(world.documents.all()) == 1


def test_its_client_is_authorised_and_knows_the_address(world: Carrot, client: httpx.Client) -> None:
    assert client.base_url == world.url
    document_id = created(client.post("/documents", json=mass_id()))
    assert world.documents.only()["id"] == document_id


def test_the_rate_limit_is_off(world: Carrot, client: httpx.Client) -> None:
    assert {client.get("/documents/nothing").status_code for _ in range(20)} == {404}


@pytest.mark.carrot(rate_limit="documented")
def test_the_rate_limit_is_on_when_a_mark_says_so(client: httpx.Client) -> None:
    assert 429 in {client.get("/documents/nothing").status_code for _ in range(40)}


@pytest.mark.carrot(semantics={"get-shape": "stored"})
def test_a_mark_sets_switches(world: Carrot) -> None:
    assert world.semantics["get-shape"] == "stored"


@pytest.mark.carrot(semantics={"get-shape": "stored", "ordering": "off"}, rate_limit=3)
class TestMarks:
    @pytest.mark.carrot(semantics={"ordering": "warn"})
    def test_of_a_class_and_of_a_test_add_up_and_the_nearest_counts(self, world: Carrot) -> None:
        assert (world.semantics["get-shape"], world.semantics["ordering"]) == ("stored", "warn")


@pytest.mark.carrot(environment="production")
def test_the_main_credentials_can_be_those_of_production(world: Carrot, client: httpx.Client) -> None:
    assert world.client_id == world.production.client_id
    assert world.env["CARROT_CLIENT_SECRET"] == world.production.client_secret
    created(client.post("/documents", json=mass_id()))
    assert world.documents.only()["dataSetName"] == "PROD"


def test_credentials_are_those_of_three_clients(world: Carrot) -> None:
    everyone = [world.test, world.production, world.partner]
    assert len({each.client_id for each in everyone}) == 3
    assert (world.client_id, world.client_secret) == (world.test.client_id, world.test.client_secret)
    assert world.participant_id == world.production.participant_id != world.partner.participant_id


def test_each_of_them_gets_a_token(world: Carrot, client: httpx.Client) -> None:
    for each in (world.test, world.production, world.partner):
        basic = b64encode(f"{each.client_id}:{each.client_secret}".encode()).decode()
        assert post_anonymously(world, client, authorization=f"Basic {basic}").status_code == 200


def test_env_is_a_new_dict_for_a_subprocess(world: Carrot) -> None:
    assert world.env == {
        "CARROT_API_URL": world.url,
        "CARROT_TOKEN_URL": world.token_url,
        "CARROT_CLIENT_ID": world.client_id,
        "CARROT_CLIENT_SECRET": world.client_secret,
    }
    world.env.clear()
    assert world.env


def test_it_shows_its_id_and_address_and_no_secret(world: Carrot) -> None:
    for shown in (repr(world), repr(world.partner), repr(world.storage)):
        for each in (world.test, world.production, world.partner):
            assert each.client_secret not in shown
        assert world.storage.secret_access_key not in shown
    assert world.id in repr(world)
    assert world.url in repr(world)


def test_the_storage_is_the_one_of_upload_urls(world: Carrot, client: httpx.Client) -> None:
    document_id = created(client.post("/documents", json=mass_id()))
    facts = {"contentType": "application/pdf", "contentLength": 3}
    answer = client.put(f"/documents/{document_id}/attachments/mtr.pdf", json=facts)
    assert world.storage.access_key_id in answer.text
    assert world.storage.endpoint.startswith(world.url)


# Tokens and reset ---------------------------------------------------------------------------------------


def test_a_token_is_the_same_until_a_new_one_is_asked_for(world: Carrot) -> None:
    first = world.token()
    assert world.token() == first
    assert world.token(new=True) != first


def test_reset_begins_anew_and_keeps_credentials(world: Carrot, client: httpx.Client) -> None:
    first, env = created(client.post("/documents", json=mass_id())), world.env
    world.semantics["ordering"] = "off"
    world.reset()
    assert world.documents.all() == []
    assert world.semantics["ordering"] != "off"
    assert world.env == env
    assert created(client.post("/documents", json=mass_id())) == first


# Semantics ----------------------------------------------------------------------------------------------


def test_semantics_are_read_and_set_like_a_dict(world: Carrot) -> None:
    world.semantics["presign-lifetime"] = 30
    world.semantics.update({"ordering": "off", "get-shape": "stored"})
    assert dict(world.semantics) | {"ordering": "off", "get-shape": "stored"} == dict(world.semantics)
    assert world.semantics["presign-lifetime"] == "30"
    assert "ordering" in world.semantics
    assert "order" not in world.semantics
    assert len(world.semantics) == len(list(world.semantics))


@pytest.mark.parametrize(
    ("switch", "value", "said"),
    [("orderin", "off", 'did you mean "ordering"'), ("ordering", "of", 'did you mean "off"')],
)
def test_a_wrong_switch_or_value_names_the_nearest(world: Carrot, switch: str, value: str, said: str) -> None:
    before = dict(world.semantics)
    with pytest.raises(ValueError, match=said):
        world.semantics.update({"get-shape": "stored", switch: value})
    assert dict(world.semantics) == before


def test_reading_a_wrong_switch_names_the_nearest(world: Carrot) -> None:
    with pytest.raises(KeyError, match="did you mean ordering"):
        world.semantics["orderin"]
    assert world.semantics.get("orderin") is None


# Asynchronous clients -----------------------------------------------------------------------------------


async def create(client: httpx.AsyncClient) -> str:
    return created(await client.post("/documents", json=mass_id()))


def test_the_async_client_works_in_one_event_loop_after_another(
    carrot: Carrot, carrot_async_client: httpx.AsyncClient
) -> None:
    created_ids = {asyncio.run(create(carrot_async_client)), asyncio.run(create(carrot_async_client))}
    assert {each["id"] for each in carrot.documents.all()} == created_ids


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_async_client_works_under_anyio(
    carrot: Carrot, carrot_async_client: httpx.AsyncClient
) -> None:
    made = await asyncio.gather(*(create(carrot_async_client) for _ in range(5)))
    assert {each["id"] for each in carrot.documents.all()} == set(made)


def test_an_async_client_is_closed_without_an_event_loop(carrot: Carrot) -> None:
    client = async_client_of(carrot)
    asyncio.run(create(client))
    close_without_a_loop(client)
    assert client.is_closed


# Over the wire ------------------------------------------------------------------------------------------


def test_it_works_the_same_on_a_server_of_another_process(another: Callable[..., Carrot]) -> None:
    carrot, neighbour = another(), another("production")
    with httpx.Client(base_url=carrot.url, headers={"Authorization": f"Bearer {carrot.token()}"}) as client:
        created(client.post("/documents", json=mass_id()))
    assert len(carrot.documents.all()) == 1
    assert neighbour.documents.all() == []
    assert neighbour.client_id == neighbour.production.client_id
    carrot.close()
    carrot.close()
    with pytest.raises(ControlError, match="no workspace") as refusal:
        carrot.documents.all()
    assert refusal.value.status == 404
    neighbour.close()


def test_threads_share_a_world(world: Carrot) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.extend(len(world.semantics) for _ in range(20))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert seen == [len(world.semantics)] * 80


class Closing:
    """Answers one request on each connection, then closes it, without having said so."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answered = 0
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while self.answered < 2:
            connection, _ = self.listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]")
                self.answered += 1
        self.listener.close()


def test_a_connection_that_the_server_closed_is_opened_again() -> None:
    server = Closing()
    control = JsonControl(Socket(server.url), "/_mock/")
    assert [control.get("workspaces"), control.get("workspaces")] == [[], []]
    server.thread.join()
    with pytest.raises(
        ControlError, match="did not answer GET /_mock/workspaces: Connection refused"
    ) as failure:
        control.get("workspaces")
    assert failure.value.status is None


def test_setting_all_switches_at_once_sets_them_on_the_server(carrot: Carrot) -> None:
    carrot.semantics = {"ordering": "off", "get-shape": "stored"}
    assert (carrot.semantics["ordering"], carrot.semantics["get-shape"]) == ("off", "stored")


def test_a_ledger_at_hand_forgets_its_mark_when_the_world_begins_anew(
    carrot: Carrot, carrot_client: httpx.Client
) -> None:
    ledger = carrot.ledger
    carrot_client.post("/documents", json=mass_id())
    ledger.mark()
    carrot.reset()
    carrot_client.post("/documents", json=mass_id())
    with pytest.raises(AssertionError):
        ledger.assert_unchanged()
