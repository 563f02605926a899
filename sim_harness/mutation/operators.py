"""The small mistakes that an update rule can have, each as one expression in place of another.

    comparison  > in place of >=, and so on: the neighbour that differs at equality, and the opposite
    arithmetic  + in place of -, & of |; a sign or an operand left out; another field of the same tuple
    shift       in the other direction, by a bit more, by a bit less
    rounding    a right shift that rounds to the nearest, toward zero or up
    order       the arms of a select, the operands of a difference or the fields of a tuple exchanged
    width       an integer, one more or one less; a saturation or a wrap left out
    choice      a condition that always, or never, holds

Two more are made in ``mutants``: statements exchanged (order), and ``reset`` is what would be arithmetic, order, width
or choice, in what a state becomes on a spike or while it is held.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Kind = Literal["comparison", "arithmetic", "shift", "rounding", "order", "width", "choice", "reset"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Functions that keep a number in its register; the number is their first argument.
KEEPING = frozenset({"saturate", "wrap", "wrap_like_lava"})

_RELATIONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr, ast.BitAnd),
}
_COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_SHIFTS = (ast.LShift, ast.RShift)


@dataclass(frozen=True)
class Place:
    """A node of a step, the node above it, its function (or constant), and whether it is what a state is reset to."""

    node: ast.AST
    parent: ast.AST
    scope: str
    within: ast.stmt
    resetting: bool = False


class Change(NamedTuple):
    """What stands in place of a node, and its name where its text says little."""

    kind: Kind
    node: ast.AST
    name: str = ""


def comparisons(place: Place) -> Iterator[Change]:
    """Other relations."""
    if isinstance(node := place.node, ast.Compare):
        for k, relation in enumerate(node.ops):
            for other in _RELATIONS.get(type(relation), ()):
                relations = [*node.ops[:k], other(), *node.ops[k + 1 :]]
                yield Change("comparison", ast.Compare(node.left, relations, node.comparators))


def arithmetic(place: Place) -> Iterator[Change]:
    """Other operators; operands and signs left out."""
    match place.node:
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            for other in _OPERATORS[type(operator)]:
                yield Change("arithmetic", ast.BinOp(left, other(), right))
            yield Change("arithmetic", left)
            if isinstance(operator, _COMMUTATIVE):
                yield Change("arithmetic", right)
        case ast.AugAssign(target, operator, value) if type(operator) in _OPERATORS:
            for other in _OPERATORS[type(operator)]:
                yield Change("arithmetic", ast.AugAssign(target, other(), value))
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield Change("arithmetic", operand)
        case ast.BoolOp(operator, values):
            yield Change("arithmetic", ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))


def other_fields(place: Place) -> Iterator[Change]:
    """The next one of those fields that the function reads of the same argument."""
    match place.node:
        case ast.Attribute(ast.Name(argument) as value, field, ast.Load() as context):
            fields = _fields(place.within, argument)
            if len(fields) > 1:
                yield Change(
                    "arithmetic", ast.Attribute(value, fields[(fields.index(field) + 1) % len(fields)], context)
                )


def shifts(place: Place) -> Iterator[Change]:
    """The other direction; a bit more and a bit less."""
    match place.node:
        case ast.BinOp(left, (ast.LShift() | ast.RShift()) as operator, right):
            yield Change(
                "shift", ast.BinOp(left, ast.RShift() if isinstance(operator, ast.LShift) else ast.LShift(), right)
            )
            for change in (ast.Add(), ast.Sub()):
                yield Change("shift", ast.BinOp(left, operator, ast.BinOp(right, change, ast.Constant(1))))


def roundings(place: Place) -> Iterator[Change]:
    """To the nearest, toward zero, up; a right shift rounds down."""
    match place.node:
        case ast.BinOp(left, ast.RShift(), right):
            x, bits = f"({ast.unparse(left)})", f"({ast.unparse(right)})"
            texts = {
                "to the nearest": f"({x} + ((1 << {bits}) >> 1)) >> {bits}",
                "toward zero": f"select({x} < 0, -(-{x} >> {bits}), {x} >> {bits})",
                "up": f"-(-{x} >> {bits})",
            }
            for name, text in texts.items():
                yield Change("rounding", ast.parse(text, mode="eval").body, name)


def orders(place: Place) -> Iterator[Change]:
    """Operands of a difference, arms of a select, neighbouring fields of a tuple exchanged."""
    match place.node:
        case ast.BinOp(left, ast.Sub() as operator, right):
            yield Change("order", ast.BinOp(right, operator, left))
        case ast.Call(ast.Name("select") as function, [condition, yes, no]):
            yield Change("order", ast.Call(function, [condition, no, yes], []))
        case ast.IfExp(condition, yes, no):
            yield Change("order", ast.IfExp(condition, no, yes))
        case ast.Call(ast.Name(name) as function, arguments) if name[:1].isupper():
            for exchanged in _exchanged(arguments):
                yield Change("order", ast.Call(function, exchanged, []))
        case ast.Tuple(elements, ast.Load() as context):
            for exchanged in _exchanged(elements):
                yield Change("order", ast.Tuple(exchanged, context))


def widths(place: Place) -> Iterator[Change]:
    """Integers off by one (but for a shift's); registers without an end."""
    match place.node:
        case ast.Constant(bool()):
            pass
        case ast.Constant(int(value)) if not _is_shift_amount(place):
            for other in _others(place, value):
                yield Change(
                    "width", ast.Constant(other) if other >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-other))
                )
        case ast.Call(ast.Name(name), [number, *_]) if name in KEEPING:
            yield Change("width", number)


def choices(place: Place) -> Iterator[Change]:
    """Conditions that always, or never, hold."""
    match place.node:
        case ast.Call(ast.Name("select"), [_, yes, no]) | ast.IfExp(_, yes, no):
            yield Change("choice", yes)
            yield Change("choice", no)
        case ast.Constant(bool(value)):
            yield Change("choice", ast.Constant(not value))
        case condition if isinstance(place.parent, ast.If) and condition is place.parent.test:
            yield Change("choice", ast.Constant(True))
            yield Change("choice", ast.Constant(False))


ALL: tuple[Callable[[Place], Iterator[Change]], ...] = (
    *(comparisons, arithmetic, other_fields, shifts, roundings, orders, widths, choices),
)


def _fields(function: ast.stmt, argument: str) -> list[str]:
    """Fields that a function reads of one of its arguments, by name."""
    if not isinstance(function, ast.FunctionDef) or argument not in {a.arg for a in function.args.args} - {"self"}:
        return []
    return sorted(
        {
            node.attr
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == argument
        }
    )


def _exchanged(nodes: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """Each pair of neighbours exchanged."""
    for k in range(len(nodes) - 1):
        yield [*nodes[:k], nodes[k + 1], nodes[k], *nodes[k + 2 :]]


def _others(place: Place, value: int) -> tuple[int, ...]:
    """One more and one less, but for what is another mutant: of integers x < 1 is x <= 0, and x - 0 is x."""
    match place.parent:
        case ast.Compare(_, [ast.Gt() | ast.LtE()], [right]) if right is place.node:
            return (value + 1,)
        case ast.Compare(_, [ast.Lt() | ast.GtE()], [right]) if right is place.node:
            return (value - 1,)
        case ast.BinOp(_, ast.Add() | ast.Sub(), right) if right is place.node and value == 1:
            return (value + 1,)
    return value + 1, value - 1


def _is_shift_amount(place: Place) -> bool:
    parent = place.parent
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, _SHIFTS) and place.node is parent.right
