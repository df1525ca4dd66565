"""Judgements from a file: which products answer which query, and how well."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vitrine.errors import FilterError, QueryError
from vitrine.evaluate.cases import Case, Cases, query_class
from vitrine.filters import parse_filters

__all__ = ["read_judgements"]

COLUMNS = {"query", "filters", "external_id", "grade", "shopper"}
HIGHEST_GRADE = 100
EXAMPLE = "query,external_id,grade"


def read_judgements(path: Path) -> Cases:
    """Read a CSV or JSON lines file with the columns query, external_id, grade[, filters, shopper].

    Rows of the same query, filters and shopper make one case. Grade 0 is not relevant. Without a
    column `shopper`, each query is resampled by itself.

    Raises:
        QueryError: the file cannot be read, or a row cannot be used; the message names the line.

    """
    grades: dict[tuple[str, str, str], dict[str, int]] = {}
    try:
        for place, row in _rows(path):
            key, product, grade = _judgement(row, place)
            judged = grades.setdefault(key, {})
            if judged.get(product, grade) != grade:
                raise QueryError(
                    f"{place}: {product} has the grade {grade} here and {judged[product]} before, "
                    "for the same query; keep one of them"
                )
            judged[product] = grade
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise QueryError(f"{path} cannot be read: {exc}") from exc
    cases = [_case(key, judged) for key, judged in grades.items() if any(judged.values())]
    if not cases:
        raise QueryError(
            f"{path} holds no query with a relevant product: give rows {EXAMPLE} with a grade of 1 "
            "or more"
        )
    without = len(grades) - len(cases)
    left_out = {"queries without a relevant product": without} if without else {}
    return Cases(cases=cases, source=f"judgements of {path.name}", left_out=left_out)


def _case(key: tuple[str, str, str], judged: Mapping[str, int]) -> Case:
    query, filters, shopper = key
    words, asked = query or None, json.loads(filters)
    return Case(
        shopper=shopper or f"{query} {filters}",
        query=words,
        filters=asked,
        grades={product: grade for product, grade in judged.items() if grade},
        query_class=query_class(words, asked, None),
    )


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place in words."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
            for number, line in enumerate(file, 1):
                if line.strip():
                    place = f"{path.name}, line {number}"
                    yield place, _object(line, place)
            return
        reader = csv.DictReader(file)
        missing = {"query", "external_id", "grade"} - set(reader.fieldnames or ())
        if missing:
            raise QueryError(
                f"{path.name} has no column {sorted(missing)[0]}: its first line must name the "
                f"columns, such as {EXAMPLE}"
            )
        for row in reader:
            place = f"{path.name}, line {reader.line_num}"
            _check_width(row, place)
            yield place, dict(row)


def _check_width(row: Mapping[Any, Any], place: str) -> None:
    """What goes beyond the first line's columns is listed by csv under None."""
    beyond = row.get(None)
    if beyond:
        columns = len(row) - 1
        raise QueryError(
            f"{place} has {columns + len(beyond)} fields, the first line {columns}: put a value "
            'that holds a comma in quotes (")'
        )


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise QueryError(f"{place} is no valid JSON: {exc}") from exc
    if not isinstance(value, dict) or not {"external_id", "grade"} <= value.keys():
        raise QueryError(f"{place} must be an object with query, external_id and grade")
    return value


def _judgement(row: Mapping[str, Any], place: str) -> tuple[tuple[str, str, str], str, int]:
    unknown = sorted(str(name) for name in row.keys() - COLUMNS)
    if unknown:
        raise QueryError(
            f"{place} has the unknown column {unknown[0]}: known are {', '.join(sorted(COLUMNS))}"
        )
    product = str(row["external_id"] or "").strip()
    if not product:
        raise QueryError(f"{place} names no product: external_id is empty")
    filters = row.get("filters") or {}
    if isinstance(filters, str):
        filters = parse_filters(filters, f"{place}: filters")
    if not isinstance(filters, dict):
        raise FilterError(f"{place}: filters must be a JSON object")
    query = str(row.get("query") or "").strip()
    shopper = str(row.get("shopper") or "").strip()
    key = (query, json.dumps(filters, sort_keys=True), shopper)
    return key, product, _grade(row["grade"], f"{place}: grade")


def _grade(value: object, place: str) -> int:
    """A whole number: the measures' gains are whole."""
    try:
        grade = int(str(value).strip())
    except ValueError as exc:
        raise QueryError(
            f"{place} is {value!r}: give a whole number, 0 for not relevant, more for better"
        ) from exc
    if not 0 <= grade <= HIGHEST_GRADE:
        raise QueryError(f"{place} is {grade}: give 0 to {HIGHEST_GRADE}")
    return grade
