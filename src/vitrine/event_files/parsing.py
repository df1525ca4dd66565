"""Rows of a file as events: which column is which field, and what each cell means."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from vitrine.catalogue.records import RejectedError
from vitrine.errors import CatalogueError
from vitrine.privacy import ClientKeys

__all__ = ["COLUMNS", "EventParser"]

# The columns of event_row, after its line.
COLUMNS = (
    "event_id", "timestamp", "application", "action_name", "query_id", "client_id", "session_id",
    "object_id", "object_id_field", "position", "propensity", "sku", "quantity", "amount",
    "currency", "order_id", "message", "event_attributes",
)  # fmt: skip
CLIENT_COLUMNS = (COLUMNS.index("client_id"), COLUMNS.index("session_id"))
# log_event's names of the same.
OTHER_NAMES = {"client": "client_id", "session": "session_id", "action": "action_name"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?")
_EPOCH = re.compile(r"-?\d{5,17}(?:\.\d+)?")


def moment(text: str) -> str:
    """ISO 8601, or seconds, milliseconds or microseconds since 1970; UTC unless it has a zone."""
    try:
        if _EPOCH.fullmatch(text) and not (len(text) == 8 and text.isdigit()):
            number = float(text)
            scale = 1e6 if abs(number) >= 1e14 else 1e3 if abs(number) >= 1e11 else 1
            return (EPOCH + timedelta(seconds=number / scale)).isoformat()
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError("no moment such as 2026-11-21T14:05:00+01:00") from error
    return found.replace(tzinfo=found.tzinfo or UTC).isoformat()


def whole(text: str) -> str:
    """A whole number, also as 3.0 (spreadsheets and data frames write that)."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not number.is_integer() or abs(number) > 2**31 - 1:
        raise ValueError("no whole number")
    return str(int(number))


def number(text: str) -> str:
    """A number with a point, as PostgreSQL reads it."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number such as 19.90")
    return text


def identifier(text: str) -> str:
    """A UUID."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise ValueError("no UUID: give the query_id that log_query or log_page gave") from error


def attributes(text: str) -> str:
    """A JSON object."""
    try:
        parsed = json.loads(text)
        text = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON that PostgreSQL takes ({error})") from error
    if not isinstance(parsed, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - the cell is at fault
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("a NUL character, which PostgreSQL cannot store")
    return text


PARSERS: Mapping[str, Callable[[str], str]] = {
    "timestamp": moment,
    "query_id": identifier,
    "position": whole,
    "propensity": number,
    "quantity": number,
    "amount": number,
    "currency": str.upper,
    "event_attributes": attributes,
}


class EventParser:
    """Makes the values of `COLUMNS` from rows; `ignored` are the file's columns that mean nothing.

    Raises:
        CatalogueError: a column is mapped twice or to no field, or a needed one is missing.

    """

    def __init__(
        self,
        columns: Sequence[str],
        mapping: Mapping[str, str],
        action: str | None = None,
        keys: ClientKeys | None = None,
    ) -> None:
        places: dict[str, int] = {}
        ignored = []
        _check_mapping(columns, mapping)
        for place, column in enumerate(columns):
            name = mapping.get(column, column.strip().lower())
            name = OTHER_NAMES.get(name, name)
            if name not in COLUMNS:
                ignored.append(column)
            elif name in places:
                raise CatalogueError(f"two columns are the {name}: map one of them to -")
            else:
                places[name] = place
        self._places = [(places.get(name), name, PARSERS.get(name)) for name in COLUMNS]
        self._action = action
        self._keys = keys or ClientKeys()
        self._equal: Counter[bytes] = Counter()
        self._moment = ""
        self.ignored = tuple(ignored)
        needed = ["timestamp"] if action else ["timestamp", "action_name"]
        missing = [name for name in needed if name not in places]
        if missing:
            raise CatalogueError(
                f"the file has no column {missing[0]}: read another one as it with "
                f"--map COLUMN={missing[0]}"
                + (", or give --action" if missing[0] == "action_name" else "")
            )

    def parse(self, cells: Sequence[str]) -> list[str]:
        """The values of `COLUMNS`, each a text; an empty one is NULL.

        Raises:
            RejectedError: a cell cannot be read.

        """
        values = []
        for place, name, parse in self._places:
            cell = cells[place] if place is not None else ""
            if parse is not None and cell:
                cell = cell.strip()
                try:
                    cell = parse(cell) if cell else ""
                except ValueError as error:
                    raise RejectedError(name, cell[:200], str(error)) from error
            values.append(cell)
        if self._action and not values[3]:
            values[3] = self._action
        for place, name in ((1, "timestamp"), (3, "action_name")):
            if not values[place].strip():
                raise RejectedError(name, "", f"an event needs its {name}")
        if values[-1]:
            _read_attributes(values)
        for place in CLIENT_COLUMNS:
            values[place] = self._keys.name(values[place]) or ""
        if not values[0].strip():
            values[0] = self._content_id(values)
        return values

    def _content_id(self, values: Sequence[str]) -> str:
        """An id from what the row says, and from how many of its moment said the same before.

        So the same file again, or one that overlaps with it, has the same ids.
        """
        if values[1] != self._moment:
            self._moment = values[1]
            self._equal.clear()
        digest = hashlib.sha256(json.dumps(values).encode()).digest()
        self._equal[digest] += 1
        return f"row/{digest.hex()}/{self._equal[digest]}"


def _read_attributes(values: list[str]) -> None:
    """Object and position where User Behavior Insights' own collectors put them."""
    object_id, position = COLUMNS.index("object_id"), COLUMNS.index("position")
    if values[object_id] and values[position]:
        return
    found = json.loads(values[-1])
    shown, place = found.get("object"), found.get("position")
    if not values[object_id] and isinstance(shown, dict):
        values[object_id] = _plain(shown.get("object_id"))
        values[object_id + 1] = values[object_id + 1] or _plain(shown.get("object_id_field"))
    if not values[position] and isinstance(place, dict):
        ordinal = place.get("ordinal")
        values[position] = str(ordinal) if isinstance(ordinal, int) and ordinal < 2**31 else ""


def _plain(value: object) -> str:
    return str(value).replace("\0", "") if isinstance(value, str | int) else ""


def _check_mapping(columns: Sequence[str], mapping: Mapping[str, str]) -> None:
    for column, field in mapping.items():
        if column not in columns:
            raise CatalogueError(
                f"--map {column}={field}: the file has no such column; it has {', '.join(columns)}"
            )
        if OTHER_NAMES.get(field, field) not in (*COLUMNS, "-"):
            raise CatalogueError(
                f"--map {column}={field}: there is no such field; there are {', '.join(COLUMNS)}, "
                "and - for none"
            )
