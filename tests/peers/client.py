"""A client on what openapi-python-client made of the contract: the whole way of a MassID, typed.

It gets the address and the credentials from the environment, and prints what it read in the end.
"""

from __future__ import annotations

import base64
import json
import os
from uuid import UUID

import httpx
from carrot_client import AuthenticatedClient
from carrot_client.api.attachments import attachments_download, attachments_upload
from carrot_client.api.authentication import token
from carrot_client.api.documents import documents_create, documents_read
from carrot_client.api.events import events_append, events_batch
from carrot_client.models import (
    AddressInput,
    AttachmentDeclaration,
    AttributeInput,
    BatchItem,
    BatchItemMetadata,
    Document,
    DocumentCreate,
    DocumentCreated,
    EventAppended,
    EventAttachmentInput,
    EventBatch,
    EventCreate,
    EventsAppended,
    ParticipantInput,
    PermissionStatement,
    PermissionStatementActionsItem,
    PermissionStatementEffect,
    PermissionsType0,
    PresignedUrl,
    TokenAnswer,
    TokenRequest,
)

PARTICIPANT = ParticipantInput(
    country_code="BR",
    name="Cantina Modelo Ltda",
    tax_id="99000001000101",
    tax_id_type="CNPJ",
    type_="COMPANY",
)
ADDRESS = AddressInput(
    city="São Paulo",
    country_code="BR",
    country_state="SP",
    name="Matriz",
    number="250",
    street="Rua Modelo",
    latitude=-23.5501,
    longitude=-46.6402,
)
CONTENT = b"%PDF-1.4 a manifest"


def authorised(url: str, client_id: str, client_secret: str) -> AuthenticatedClient:
    """A client with a token."""
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    with AuthenticatedClient(base_url=url, token=basic, prefix="Basic") as client:
        granted = token.sync(client=client, body=TokenRequest(grant_type="client_credentials"))
    assert isinstance(granted, TokenAnswer), granted
    return AuthenticatedClient(base_url=url, token=granted.access_token)


def create(client: AuthenticatedClient) -> UUID:
    """A new document."""
    document = DocumentCreate(
        category="MassID",
        type_="Organic",
        external_created_at="2026-03-01T10:00:00Z",
        is_public=True,
        is_publicly_searchable=True,
        participant=PARTICIPANT,
        address=ADDRESS,
        deduplication_id="generated-create",
    )
    created = documents_create.sync(client=client, body=document)
    assert isinstance(created, DocumentCreated), created
    again = documents_create.sync(client=client, body=document)
    assert again == created
    return created.id


def append_actor(client: AuthenticatedClient, document: UUID, other: UUID) -> None:
    """An ACTOR event with permissions for another participant."""
    permissions = PermissionsType0()
    permissions[str(other)] = [
        PermissionStatement(
            effect=PermissionStatementEffect.ALLOW, actions=[PermissionStatementActionsItem.READ]
        )
    ]
    event = EventCreate(
        name="ACTOR",
        label="Recycler",
        external_created_at="2026-03-01T11:00:00Z",
        is_public=True,
        participant=PARTICIPANT,
        address=ADDRESS,
        permissions=permissions,
    )
    appended = events_append.sync(document, client=client, body=event)
    assert isinstance(appended, EventAppended), appended


def append_batch(client: AuthenticatedClient, document: UUID) -> None:
    """Two events in one call: one with an attribute, one that names the file."""
    metadata = BatchItemMetadata(
        attributes=[
            AttributeInput(name="Vehicle License Plate", value="ZZZ0A00", is_public=False, sensitive=True),
            AttributeInput(name="Axles", value=[1, 2]),
        ]
    )
    weighed = BatchItem(
        name="Weighing",
        external_created_at="2026-03-01T12:00:00Z",
        is_public=True,
        participant=PARTICIPANT,
        address=ADDRESS,
        value=3250.5,
        metadata=metadata,
        deduplication_id="generated-weighing",
    )
    manifest = BatchItem(
        name="Transport Manifest",
        external_created_at="2026-03-01T13:00:00Z",
        is_public=True,
        participant=PARTICIPANT,
        address=ADDRESS,
        attachments=[EventAttachmentInput(label="Transport Manifest", file_name="mtr.pdf")],
        deduplication_id="generated-manifest",
    )
    batch = EventBatch(document_id=document, events=[weighed, manifest])
    appended = events_batch.sync(client=client, body=batch)
    assert isinstance(appended, EventsAppended), appended
    assert len(appended.events) == 2


def upload(client: AuthenticatedClient, document: UUID) -> None:
    """A file: declared, sent and got back."""
    declaration = AttachmentDeclaration(content_length=len(CONTENT), content_type="application/pdf")
    declared = attachments_upload.sync(document, "mtr.pdf", client=client, body=declaration)
    assert isinstance(declared, PresignedUrl), declared
    # The URL is signed and used as it is: no generated call, and no bearer token.
    httpx.put(declared.url, content=CONTENT, headers={"Content-Type": "application/pdf"}).raise_for_status()
    found = attachments_download.sync(document, "mtr.pdf", client=client)
    assert isinstance(found, PresignedUrl), found
    assert httpx.get(found.url).content == CONTENT


def main() -> None:
    url, client_id, client_secret, other = (
        os.environ[name]
        for name in ("CARROT_API_URL", "CARROT_CLIENT_ID", "CARROT_CLIENT_SECRET", "CARROT_OTHER")
    )
    with authorised(url, client_id, client_secret) as client:
        document = create(client)
        append_actor(client, document, UUID(other))
        upload(client, document)
        append_batch(client, document)
        read = documents_read.sync(document, client=client)
        assert isinstance(read, Document), read
    names = [event.name for event in read.external_events]
    files = [file.file_name for file in read.attachments]
    print(json.dumps({"id": str(read.id), "value": read.current_value, "events": names, "files": files}))


if __name__ == "__main__":
    main()
