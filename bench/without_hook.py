"""Serves Carrot Mock without its fault hook: what asks for faults and gates is cut out while it is imported.

`python -m bench.without_hook cut serve …` is `carrot-mock serve …`, for a comparison of speed; with `whole` in place
of `cut` it is compiled in the same way and has everything.
"""

from __future__ import annotations

import ast
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

# How many places there are at least to cut out, so that a change of the server does not make this the same server.
PLACES = {"mock_server.pipeline": 26, "mock_server.writing": 3, "mock_server.app": 1}


class Cutting(ast.NodeTransformer):
    """Takes for granted that there is neither hook nor disturbance, and counts what is not needed then."""

    def __init__(self) -> None:
        self.places = 0

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        test = _simplified(node.test)
        if test is node.test:
            return node
        self.places += 1
        if test is True:
            return node.body
        if test is False:
            return node.orelse or ast.Pass()
        node.test = test
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        """`await self._at(…)` and `self._disturbed(…)`, whose result is not used."""
        called = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(called, ast.Call) and _name(called.func) in ("_at", "_disturbed"):
            self.places += 1
            return ast.Pass()
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """`hook = call.disturbed or self.hook` and `entry, hook = call.entry, self.hook`"""
        value = node.value
        if isinstance(value, ast.BoolOp) and all(_is_disturbance(each) for each in value.values):
            self.places += 1
            node.value = ast.Constant(None)
        elif isinstance(value, ast.Tuple) and any(_is_disturbance(each) for each in value.elts):
            self.places += 1
            value.elts = [ast.Constant(None) if _is_disturbance(each) else each for each in value.elts]
        return node


def _simplified(test: ast.expr) -> Any:
    """A condition without the hook: True, False, or what is left; itself where it does not ask for one."""
    if _name(test) == "is_disturbed":
        return False
    if isinstance(test, ast.Compare) and _is_disturbance(test.left):
        return isinstance(test.ops[0], ast.Is)
    if not isinstance(test, ast.BoolOp):
        return test
    parts = [_simplified(each) for each in test.values]
    if parts == test.values:
        return test
    decides = isinstance(test.op, ast.Or)
    # A header may ask for a fault as well: that is a part of the hook too.
    if decides in parts or _name(test.values[0]) == "is_disturbed":
        return decides in parts
    left = [each for each in parts if not isinstance(each, bool)]
    return left[0] if len(left) == 1 else ast.BoolOp(test.op, left)


def _is_disturbance(node: ast.expr) -> bool:
    return _name(node) in ("hook", "disturbed")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew: a file beside the source has the whole."""
        path = self.get_filename(fullname)
        cutting = Cutting()
        tree = ast.fix_missing_locations(cutting.visit(ast.parse(self.get_data(path))))
        if cutting.places < PLACES[fullname]:
            sys.exit(
                f"bench: {fullname} has only {cutting.places} places that ask for a hook; see {__file__}"
            )
        return compile(tree, path, "exec", dont_inherit=True)


class _Finder:
    cuts = True

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path, target) if fullname in PLACES else None
        if found is not None and found.origin is not None:
            found.loader = _Loader(fullname, found.origin)
        return found


if __name__ == "__main__":
    _Finder.cuts = sys.argv.pop(1) == "cut"
    sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]  # which needs no more than this
    from mock_server.cli import main

    main()
