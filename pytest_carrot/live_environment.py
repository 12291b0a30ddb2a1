"""Which environment a document is in, and whether a run may go on there: nothing in production unless told twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRODUCTION: Final = ("PROD", "PRODUCTION")


@dataclass(frozen=True)
class Permission:
    """What the user has said about the environment.

    `production` is for both of the two flags together; `assume_test` for an API whose documents do not tell. The
    flags are what sentences call them, empty where there are none.
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
    """TEST, or the other name that the first document of a run gives it; raises UserMistake to go no further."""
    found = document.get("dataSetName")
    if found == "TEST":
        return "TEST"
    if isinstance(found, str):
        if permission.production:
            return found[:40]
        raise UserMistake(_not_test(found, document_id, permission.production_flags))
    if permission.assume_test or permission.production:
        return "TEST" if permission.assume_test else "PROD"
    raise UserMistake(
        f"The first document, {document_id}, does not say which environment it is in (no dataSetName), so the run "
        f"stopped there. If you know that it is the test environment, say {permission.assume_test_flag}."
    )


def _not_test(name: str, document_id: str, flags: str) -> str:
    stopped = f"the run stopped after its first document, {document_id}, which is private and stays there"
    if name in _PRODUCTION:
        otherwise = f", or say twice that production is meant: {flags}" if flags else ""
        return (
            f"These are credentials of production (dataSetName {name!r}), where nothing is tried out: {stopped}. "
            f"Give credentials of the test environment{otherwise}."
        )
    otherwise = (
        f", or, if that one is meant, say twice that it may be touched, as for production: {flags}"
        if flags
        else ""
    )
    return (
        f"These are credentials of the environment {name[:40]!r} (dataSetName), which the documentation does not "
        f"know: it may be production, so for safety nothing is tried out there, and {stopped}. Give credentials "
        f"of the environment 'TEST'{otherwise}."
    )
