"""Makes unknown words and pictures known: through a worker, or with an encoder of this process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pgvector import HalfVector
from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import QueryError, SpaceError, UnknownQueryError
from vitrine.search import check_text, search_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vitrine.encoder import SpaceIdentity

__all__ = [
    "WORKER_PATIENCE",
    "QueryEncoder",
    "Unknown",
    "encode_here",
    "encode_remotely",
    "is_address",
    "read_picture",
    "read_pictures",
    "what_is_unknown",
    "worker_alive",
]

KEY = re.compile("[0-9a-f]{64}")
ADDRESS = re.compile("https?://", re.IGNORECASE)
MOST_PICTURE_BYTES = 20 * 2**20
WORKER_PATIENCE = 3.0  # seconds for an answer that this process could give as well


class QueryEncoder(Protocol):
    """What `vitrine.encoder.load_encoder` returns, as far as a client needs it."""

    identity: SpaceIdentity

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (B, D)."""

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Unit vectors (B, D)."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Words, a picture or a picture's web address (exactly one) that need a vector in a space.

    Without a `space` it is the active one.
    """

    words: str | None = None
    picture: bytes | None = None
    address: str | None = None
    space: str | None = None


def is_address(image: object) -> bool:
    """Whether a picture is named by its web address, as the database sees it too."""
    return isinstance(image, str) and ADDRESS.match(image) is not None


def read_picture(image: bytes | str | Path) -> bytes:
    """The picture's bytes, from memory or from a file of this machine.

    Raises:
        QueryError: the file cannot be read, is empty, or has more than 20 MiB.

    """
    if isinstance(image, bytes | bytearray | memoryview):
        data, name = bytes(image), "the picture"
    else:
        name = str(image)
        try:
            with Path(image).open("rb") as file:
                data = file.read(MOST_PICTURE_BYTES + 1)
        except (OSError, ValueError) as exc:
            raise QueryError(f"the picture {name} cannot be read: {exc}") from exc
    if not 0 < len(data) <= MOST_PICTURE_BYTES:
        size = "is empty" if not data else "has more than 20 MiB"
        raise QueryError(f"{name} {size}; a picture to search with has 1 byte to 20 MiB")
    return data


def picture_key(data: bytes) -> str:
    """Under which key a picture's vector is known, as `terms` name it."""
    return hashlib.sha256(data).hexdigest()


def encode_remotely(connection: Connection, schema: str, unknown: Unknown, timeout: float) -> str:
    """Have a worker encode it; waits up to `timeout` seconds. Returns its key.

    The connection must be in autocommit mode: the request is committed so that a worker sees it.

    Raises:
        EncodingTimeoutError: no worker answered in time.
        QueryError: the worker could not use the words, or not fetch or use the picture.

    """
    check_text(unknown.words, "the query")
    check_text(unknown.address, "the picture's address")
    statement = sql.SQL(
        "CALL {}.encode(query => %s::text, image => %s::bytea, image_url => %s::text, "
        "space => %s::text, timeout_ms => %s::integer)"
    ).format(sql.Identifier(schema))
    content = (unknown.words, unknown.picture, unknown.address)
    given = (*content, unknown.space, round(timeout * 1000))
    with search_errors():
        [(key,)] = connection.execute(statement, given).fetchall()
    return str(key)


def encode_here(
    connection: Connection, schema: str, unknown: Unknown, encoder: QueryEncoder
) -> str:
    """Encode it in this process and store the vector; returns its key.

    Storing takes the worker's role.

    Raises:
        SpaceError: the encoder is not the one that the space was made with.
        ImageError: the picture cannot be decoded.

    """
    check_text(unknown.words, "the query")
    shop = sql.Identifier(schema)
    with search_errors():
        [row] = connection.execute(
            sql.SQL(
                "SELECT s.space_id, s.model, s.revision, s.dimension, s.preprocessing, "
                "{shop}.normalize_query(%(words)s), {shop}.query_key(%(words)s), "
                "{shop}.check_query(%(words)s) FROM {shop}.search_space(%(space)s) f "
                "JOIN {shop}.space s USING (space_id)"
            ).format(shop=shop),
            {"words": unknown.words, "space": unknown.space},
        ).fetchall()
    space_id, *identity, words, words_key, _ = row
    own = encoder.identity
    if identity != [own.model, own.revision, own.dimension, own.preprocessing]:
        raise SpaceError(
            f"this process's encoder is {own}, but the shop's vectors were made by {identity[0]}"
            f"@{str(identity[1])[:12]}; load that model (VITRINE_MODEL), or run `vitrine work`"
        )
    key = str(words_key) if unknown.picture is None else picture_key(unknown.picture)
    kind = "text" if unknown.picture is None else "image"
    vector = HalfVector(_vector(encoder, words, unknown.picture))
    with search_errors():
        connection.execute(
            sql.SQL(
                "INSERT INTO {}.query_vector (space_id, kind, key, query, embedding) "
                "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
            ).format(shop),
            (space_id, kind, key, words, vector.to_text()),
        )
    return key


def worker_alive(connection: Connection, schema: str) -> bool:
    """Whether a worker of the active space is alive, as `vitrine status` counts them."""
    statement = sql.SQL(
        "SELECT EXISTS (SELECT FROM {shop}.workers_alive() w JOIN {shop}.space s USING (space_id) "
        "WHERE s.status = 'active')"
    ).format(shop=sql.Identifier(schema))
    with search_errors():
        [(alive,)] = connection.execute(statement).fetchall()
    return bool(alive)


def _vector(encoder: QueryEncoder, words: str, picture: bytes | None) -> NDArray[np.float32]:
    if picture is None:
        vectors = encoder.encode_texts([words])  # (1, D)
    else:
        from vitrine.images.decode import decode

        vectors = encoder.encode_images([decode(picture).image])  # (1, D)
    vector: NDArray[np.float32] = vectors[0]
    return vector


def read_pictures(
    terms: Sequence[Mapping[str, Any]] | None, image: bytes | str | Path | None
) -> tuple[Sequence[Mapping[str, Any]] | None, dict[str, bytes]]:
    """The terms with each picture's key in its place, and the pictures by their keys.

    A web address stays: the database knows its picture by it.
    """
    given = [*(terms or ()), *([] if image is None else [{"image": image}])]
    if not all(isinstance(term, Mapping) for term in given):
        return terms, {}  # the database says what is wrong with it
    pictures: dict[str, bytes] = {}
    named: list[Mapping[str, Any]] = []
    for term in given:
        picture = term.get("image")
        if isinstance(picture, bytes | Path) or (
            isinstance(picture, str) and not KEY.fullmatch(picture) and not is_address(picture)
        ):
            data = read_picture(picture)
            pictures[picture_key(data)] = data
            named.append({**term, "image": picture_key(data)})
        else:
            named.append(term)
    return named or terms, pictures


def what_is_unknown(
    error: UnknownQueryError, pictures: Mapping[str, bytes], space: str | None
) -> Unknown | None:
    """What can be encoded of it; None for a picture's key without its bytes."""
    words, key = error.unknown.get("words"), error.unknown.get("image", "")
    if is_address(key):
        return Unknown(address=key, space=space)
    if words is None and key not in pictures:
        return None
    return Unknown(words=words, picture=pictures.get(key), space=space)
