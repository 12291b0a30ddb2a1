"""Compile each hand-written openapi.yaml into the openapi.json beside it, the form that the server loads."""

import argparse
import sys
from pathlib import Path

import orjson
import yaml

ROOT = Path(__file__).resolve().parent.parent


def sources(root: Path) -> list[Path]:
    """Every contract written by hand, in a stable order."""
    return sorted((root / "mock_server").rglob("openapi.yaml"))


def compiled(source: Path) -> bytes:
    """The contract as compact JSON, keys in the order of the source and YAML's anchors written out.

    Raises yaml.YAMLError when the source is not YAML, and TypeError when it holds a key or a value that JSON
    lacks (an unquoted date, or an unquoted status such as 200 as a key).
    """
    content = _jsonable(yaml.safe_load(source.read_text(encoding="utf-8")))
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the compiled files; with --check compare them instead. Exit code 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when a file is out of date"
    )
    check = parser.parse_args(arguments).check
    stale = False
    for source in sources(root):
        target = source.with_suffix(".json")
        content = compiled(source)
        if target.exists() and target.read_bytes() == content:
            continue
        if check:
            stale = True
            name, origin = target.relative_to(root).as_posix(), source.relative_to(root).as_posix()
            print(f"{name} differs from {origin}: run python tools/compile_openapi.py.", file=sys.stderr)
        else:
            target.write_bytes(content)
    return int(stale)


def _jsonable(value: object, path: str = "") -> object:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"At {path or 'the top'}: the key {key!r} is not a string; quote it.")
        return {key: _jsonable(child, f"{path}/{key}") for key, child in value.items()}
    if isinstance(value, list):
        return [_jsonable(child, f"{path}/{index}") for index, child in enumerate(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(
        f"At {path or 'the top'}: {value!r} is a {type(value).__name__}, which JSON lacks; quote it."
    )


if __name__ == "__main__":
    raise SystemExit(main())
