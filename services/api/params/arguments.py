"""The arguments of a collection that is a function: query parameters of its own."""

from __future__ import annotations

from api.http.request import Args
from api.params.values import VALUE_PARSERS
from api.query.items import Given
from api.query.source_errors import Called
from core.catalog import Argument
from core.errors import BadParameter


def parse_arguments(args: Args, called: Called) -> tuple[Given, ...]:
    """What the function is to be called with; those with a default may be left out. Raises: BadParameter"""
    given: list[Given] = []
    for argument in called.arguments:
        if argument.name in args:
            given.append(parse_argument(argument, args[argument.name]))
        elif argument.required:
            hint = f"add {argument.name}=…, {VALUE_PARSERS[argument.type][1]}"
            raise BadParameter(f"{called.id} needs '{argument.name}'", hint=hint, parameter=argument.name)
    return tuple(given)


def parse_argument(argument: Argument, text: str) -> Given:
    """An argument's value. Raises: BadParameter when it is not of the argument's type"""
    parse, example = VALUE_PARSERS[argument.type]
    try:
        return Given(argument, parse(text))
    except (ValueError, OverflowError) as error:
        detail, hint = f"'{text}' is no {argument.type}", f"'{argument.name}' takes {example}"
        raise BadParameter(detail, hint=hint, parameter=argument.name) from error
