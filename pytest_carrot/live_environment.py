"""Which environment a document is in, and whether a run may go on there: nothing in production unless told twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Permission:
    """What the user has said about the environment.

    `production` is for both of the two flags together; `assume_test` for an API whose documents do not tell.
    """

    production: bool = False
    assume_test: bool = False
    production_flags: str = "--production --yes-really-production"
    assume_test_flag: str = "--assume-test"


def told_twice(first: bool, second: bool, names: str) -> bool:
    """Whether production was allowed; raises UserMistake when it was told only once."""
    if first != second:
        raise UserMistake(
            f"Production is touched only when told twice: give both {names}, or neither. What is written there "
            "cannot be deleted."
        )
    return first


def environment_of(document: Mapping[str, Any], document_id: str, permission: Permission) -> str:
    """TEST or PROD, as the first document of a run says that was read back; raises UserMistake to go no further."""
    found = document.get("dataSetName")
    if found == "TEST":
        return "TEST"
    if isinstance(found, str):
        if permission.production:
            return found[:40]
        raise UserMistake(
            f"These are credentials of production (dataSetName {found[:40]!r}), where nothing is tried out: the run "
            f"stopped after its first document, {document_id}, which is private and stays there. Give credentials "
            f"of the test environment, or say twice that production is meant: {permission.production_flags}."
        )
    if permission.assume_test or permission.production:
        return "TEST" if permission.assume_test else "PROD"
    raise UserMistake(
        f"The first document, {document_id}, does not say which environment it is in (no dataSetName), so the run "
        f"stopped there. If you know that it is the test environment, say {permission.assume_test_flag}."
    )
