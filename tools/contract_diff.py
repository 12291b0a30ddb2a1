"""What differs between two versions of the contract, and whether a client that kept to the old one breaks.

    contract_diff.py BASE.json NEW.json   prints the differences; exit code 1 when one of them breaks clients
    contract_diff.py --check              holds mock_server/openapi.json against the last release: an addition needs
                                          a new minor version, a break a new major one and its line in
                                          docs/contract-changes.md
    contract_diff.py --release            keeps mock_server/openapi.json as what its version was released as

A request breaks clients by being narrower than it was, an answer by being wider. Only what validates is compared:
descriptions, examples, links and servers are not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract_comparing import differences

if TYPE_CHECKING:
    from contract_parts import Spec

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = Path("mock_server/openapi.json")
RELEASES = Path("tests/data/contract")
PAGE = Path("docs/contract-changes.md")


def complaints(base: Spec, new: Spec, page: str) -> list[str]:
    """Why the new version may not be called what it is called; nothing when it may."""
    found = differences(base, new)
    breaking = [each for each in found if each.breaks]
    before, after = base["info"]["version"], new["info"]["version"]
    old, now = _numbers(before), _numbers(after)
    said = []
    if breaking and now[0] <= old[0]:
        said.append(f"Clients of {before} break, so a major version after {before} is expected; got {after}:")
        said += [f"  {each}" for each in breaking]
    elif found and now[:2] <= old[:2]:
        said.append(f"There is more than in {before}, so a minor version after it is expected; got {after}:")
        said += [f"  {each}" for each in found]
    section = _section(page, after)
    if section is None:
        said.append(f'Expected a section "## {after}" in {PAGE}; got none. Say there what changed for users.')
    else:
        missing = sorted({each.where for each in breaking if f"`{each.where}`" not in section})
        said += [f"Expected `{where}`, which breaks clients, in {PAGE} under {after}." for where in missing]
    return said


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _section(page: str, version: str) -> str | None:
    found = re.search(rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0] if found else None


def last_release(root: Path) -> Path:
    """The contract of the highest version that was released."""
    return max((root / RELEASES).glob("*.json"), key=lambda file: _numbers(file.stem))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Print the differences or complaints; exit code 1 when there is a break, or a complaint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="BASE.json NEW.json")
    parser.add_argument("--check", action="store_true", help="hold the contract against the last release")
    parser.add_argument("--release", action="store_true", help="keep the contract as a release")
    given = parser.parse_args(arguments)
    if given.release:
        content = (root / CONTRACT).read_bytes()
        (root / RELEASES / f"{json.loads(content)['info']['version']}.json").write_bytes(content)
        return 0
    if given.check:
        base, new = (json.loads(file.read_bytes()) for file in (last_release(root), root / CONTRACT))
        said = complaints(base, new, (root / PAGE).read_text(encoding="utf-8"))
        print("\n".join(said), file=sys.stderr, end="\n" if said else "")
        return int(bool(said))
    if len(given.files) != 2:
        parser.error(f"expected two files, --check or --release; got {len(given.files)} files")
    found = differences(*(json.loads(file.read_bytes()) for file in given.files))
    print("\n".join(map(str, found)))
    return int(any(each.breaks for each in found))


if __name__ == "__main__":
    raise SystemExit(main())
