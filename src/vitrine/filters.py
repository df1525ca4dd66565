"""The JSON filter language, as Python hands it over; the database compiles and checks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vitrine.errors import FilterError, QueryError

__all__ = ["json_text", "parse_filters"]


def json_text(value: object, name: str, error: type[QueryError] = QueryError) -> str:
    """Write an argument as JSON that jsonb takes; `name` is the argument's, for the message.

    Raises:
        QueryError: (or the subclass given) it holds NaN, infinity, NUL, a lone surrogate or an
            object that JSON lacks.

    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)
        text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise error(f"{name} cannot be written as JSON: {exc or type(exc).__name__}") from exc
    if "\\u0000" in text.replace("\\\\", ""):
        raise error(f"{name} holds a NUL character, which the database cannot store; remove it")
    return text


def parse_filters(text: str, name: str = "filters") -> dict[str, Any]:
    """Read filters from JSON text, such as a command-line option.

    Raises:
        FilterError: it is no JSON object; the message says where it breaks off.

    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FilterError(
            f"{name} is no valid JSON ({exc}); for example "
            '{"brand": "A", "price": {"lt": 80}}, in single quotes for the shell'
        ) from exc
    if not isinstance(value, dict):
        raise FilterError(f"{name} must be a JSON object, not {text[:50]}")
    return value


def _plain(value: object) -> object:
    """Types that filters hold in Python but JSON does not know."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    message = f"a value of type {type(value).__name__}"
    raise TypeError(message)
