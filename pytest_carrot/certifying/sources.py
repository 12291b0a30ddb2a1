"""Where each row of the certificate is known from: pages of the vendor, and sections of this mock's contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DOCS: Final = "https://docs.carrot.eco/en/docs/"


@dataclass(frozen=True)
class Source:
    """A page of the vendor, and what of it is meant."""

    page: str
    part: str
    path: str

    @property
    def url(self) -> str:
        return _DOCS + self.path

    def __str__(self) -> str:
        return f"{self.page}, {self.part}"


def _error_handling(part: str) -> Source:
    return Source("Error Handling", part, "integrations/guides/error-handling")


def _go_live(step: int) -> Source:
    return Source("Environments", f"go-live checklist, {step}", "integrations/getting-started/environments")


RETRY_TABLE: Final = _error_handling("retry decision table")
RETRY_STRATEGY: Final = _error_handling("retry strategy")
SAME_KEY: Final = _error_handling("deduplicationId mechanics")
TOKEN_LIFE: Final = Source("Authentication", "token lifecycle", "api/authentication")
TOKEN_REQUEST: Final = Source("Authentication", "authentication flow", "api/authentication")
THROTTLING: Final = Source("Rate Limits", "handling throttling", "integrations/reference/rate-limits")
UPLOADS: Final = Source("File Uploads", "presigned URL flow", "integrations/guides/file-uploads")
MIGRATION: Final = Source("Integration Overview", "migration list and key concepts", "integrations")
FLOW_IN_TEST, RETRIES_CONFIRMED, LIMIT_CONFIRMED, PROMOTED = (_go_live(step) for step in (1, 2, 3, 4))
