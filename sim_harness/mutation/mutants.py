"""The list of mutants of a module: every operator at every place of its steps. The same source has the same list."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from sim_harness.mutation import operators
from sim_harness.mutation.operators import Kind, Place

#: Conditions on which a state is reset or held, by the names that occur in them.
RESETTING = frozenset({"spike", "below", "linear", "kept", "saturating", "refractory", "r"})


@dataclass(frozen=True)
class Mutant:
    """One mistake: what stood there and what stands there; ``source`` is the whole module with it.

    The id names the function and the expression, not the line, so that it outlives changes elsewhere.
    """

    id: str
    kind: Kind
    file: str
    line: int
    before: str
    after: str
    source: str = field(repr=False)


def mutants(file: str, source: str, left_alone: frozenset[str] = frozenset()) -> list[Mutant]:
    """All mutants of a module, but for those of the definitions ``left_alone``, of annotations, texts and errors."""
    text = _Text(source)
    changes = [change for place in _steps(ast.parse(source), left_alone) for change in _changes(text, place)]
    result, seen, ids = [], set(), Counter[str]()
    for change in sorted(changes, key=lambda change: change.line):
        if change.meaning not in seen:
            seen.add(change.meaning)
            name = f"{PurePosixPath(file).stem}.{change.scope}: {change.before} -> {change.after}"
            ids[name] += 1
            number = f" ({ids[name]})" if ids[name] > 1 else ""
            shown = change.before, change.after
            result.append(Mutant(name + number, change.kind, file, change.line, *shown, change.source))
    return result


class _Text:
    """A source by the positions of its nodes."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        lines = self.source.splitlines(keepends=True)
        self.starts = [sum(map(len, lines[:k])) for k in range(len(lines))]

    def ends(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.AST) -> str:
        """What stands there."""
        start, end = self.ends(node)
        return self.source[start:end].decode()

    def replaced(self, node: ast.AST, text: str, within: ast.AST | None = None) -> str:
        """The source, or that of the node ``within`` which it is, with ``text`` in place of a node."""
        start, end = self.ends(node)
        first, last = (0, len(self.source)) if within is None else self.ends(within)
        return (self.source[first:start] + text.encode() + self.source[end:last]).decode()


class _Change(NamedTuple):
    """A mutant in the making; what is the same step has the same ``meaning``."""

    scope: str
    line: int
    kind: Kind
    before: str
    after: str
    source: str
    meaning: tuple[str, str]


def _changes(text: _Text, place: Place) -> Iterator[_Change]:
    """Every change at a place."""
    node, parent, scope = place.node, place.parent, place.scope
    for kind, other, name in (change for operator in operators.ALL for change in operator(place)):
        if place.resetting and kind in ("arithmetic", "order", "width", "choice"):
            kind = "reset"
        bare = ast.unparse(other)
        safe = f"({bare})" if isinstance(other, ast.BinOp | ast.Compare | ast.BoolOp | ast.IfExp) else bare
        # A number or a name alone says little: shown with what is around it.
        shown = parent if isinstance(node, ast.Constant | ast.Attribute) and isinstance(parent, ast.expr) else node
        before, after = text.of(shown), name or (bare if shown is node else text.replaced(node, safe, shown))
        meaning = ast.dump(ast.parse(text.replaced(node, safe, place.within)))
        if meaning != ast.dump(ast.parse(text.of(place.within))):
            made = _line(before), _line(after), text.replaced(node, safe), (scope, meaning)
            yield _Change(scope, getattr(node, "lineno", 0), kind, *made)
    if isinstance(node, ast.FunctionDef):
        for first, second in _exchangeable(node):
            a, b = text.of(first), text.of(second)
            # The second one first: the first one keeps its place meanwhile.
            mutated = _Text(text.replaced(second, a)).replaced(first, b)
            yield _Change(
                scope, first.lineno, "order", _line(f"{a}; {b}"), _line(f"{b}; {a}"), mutated, (scope, mutated)
            )


def _line(text: str) -> str:
    """A text in one line, shortened."""
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _steps(tree: ast.Module, left_alone: frozenset[str]) -> Iterator[Place]:
    """Every place in the definitions and constants of a module."""
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name) | ast.AnnAssign(ast.Name(name)):
                names = {name}
            case ast.ClassDef(name, body=body) if name not in left_alone:
                for member in body:
                    if isinstance(member, ast.FunctionDef) and f"{name}.{member.name}" not in left_alone:
                        yield from _places(Place(member, statement, f"{name}.{member.name}", member))
                continue
            case ast.Assign(targets):
                names = {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
            case _:
                continue
        if names - left_alone:
            yield from _places(Place(statement, tree, min(names), statement))


def _places(place: Place) -> Iterator[Place]:
    """A place and those below it, but for annotations, decorators, texts and errors."""
    node, condition = place.node, _condition(place.node)
    match node:
        case ast.Raise() | ast.JoinedStr() | ast.keyword("strict") | ast.Expr(ast.Constant(str())):
            return
        case ast.FunctionDef():
            children: list[ast.AST] = [*node.args.defaults, *node.body]
        case ast.AnnAssign():
            children = [node.value] if node.value else []
        case _:
            children = list(ast.iter_child_nodes(node))
    chosen = place.resetting or (condition is not None and bool(_names(condition) & RESETTING))
    yield replace(place, resetting=chosen)
    parent = place.parent if isinstance(node, ast.keyword) else node  # of a named argument: the call
    for child in children:
        resetting = place.resetting if child is condition else chosen
        yield from _places(replace(place, node=child, parent=parent, resetting=resetting))


def _condition(node: ast.AST) -> ast.expr | None:
    """On what it depends which of its parts a node is."""
    match node:
        case ast.Call(ast.Name("select"), [condition, _, _]):
            return condition
        case ast.If() | ast.IfExp():
            return node.test
    return None


def _names(node: ast.AST) -> set[str]:
    """Names and attributes in an expression."""
    leaves = list(ast.walk(node))
    return {leaf.id for leaf in leaves if isinstance(leaf, ast.Name)} | {
        leaf.attr for leaf in leaves if isinstance(leaf, ast.Attribute)
    }


def _exchangeable(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """Neighbouring statements whose order matters, and whose other order has a value for every name as well."""
    for block in ast.walk(function):
        if not isinstance(block, ast.FunctionDef | ast.For | ast.If):
            continue
        known = {argument.arg for argument in function.args.args}
        known |= _bound(block.target) if isinstance(block, ast.For) else set()
        for first, second in zip(block.body, block.body[1:], strict=False):
            needed = _bound(first) & _read(second)
            related = needed or (_read(first) | _bound(first)) & _bound(second)
            if related and not isinstance(second, ast.Return) and all(name.split(".")[0] in known for name in needed):
                yield first, second
            known |= _bound(first)


def _bound(node: ast.AST) -> set[str]:
    """Names, attributes and tables that a statement gives a value."""
    leaves = [leaf for leaf in ast.walk(node) if isinstance(getattr(leaf, "ctx", None), ast.Store)]
    tables = {ast.unparse(leaf.value) for leaf in leaves if isinstance(leaf, ast.Subscript)}
    return tables | {ast.unparse(leaf) for leaf in leaves if isinstance(leaf, ast.Name | ast.Attribute)}


def _read(node: ast.AST) -> set[str]:
    """Names and attributes whose value a statement uses."""
    leaves = (leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Name | ast.Attribute))
    return {ast.unparse(leaf) for leaf in leaves if isinstance(leaf.ctx, ast.Load)}
