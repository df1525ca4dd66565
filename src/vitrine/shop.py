"""A shop's search for its back end: a pool of connections and the methods to ask with."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import psycopg
from psycopg_pool import ConnectionPool

from vitrine.database import Connection, database_url, driver_errors
from vitrine.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    EncodingTimeoutError,
    ModelError,
    QueryError,
    SpaceError,
    UnknownQueryError,
)
from vitrine.events import (
    Event,
    EventFields,
    Logged,
    identified,
    log_event,
    log_events,
    log_page,
)
from vitrine.experiments import Experiments
from vitrine.merchandising import Rules
from vitrine.privacy import ClientKeys
from vitrine.query_encoding import (
    WORKER_PATIENCE,
    QueryEncoder,
    Unknown,
    encode_here,
    encode_remotely,
    is_address,
    read_picture,
    read_pictures,
    what_is_unknown,
    worker_alive,
)
from vitrine.recommend import Recommendations
from vitrine.search import Page, SearchRequest, run_search
from vitrine.settings import load_settings
from vitrine.shopper import ShopperData
from vitrine.understanding import Understood, run_understand

__all__ = ["Shop", "connect"]

T = TypeVar("T")
POOL_TIMEOUT = 10.0
Picture = bytes | str | Path


def connect(
    dsn: str | None = None,
    *,
    schema: str | None = None,
    pool_size: int = 8,
    query_timeout: float | None = None,
    encoder: Callable[[], QueryEncoder] | None = None,
    worker_first: bool = False,
    client_key: str | None = None,
) -> Shop:
    """Open a shop for searching; safe to share between threads. Close it, or use it with `with`.

    Without a `dsn` it is VITRINE_DATABASE_URL, else the embedded server, which starts if need be.
    Unknown words and pictures are encoded by a worker, waited for up to `query_timeout` seconds
    (default VITRINE_QUERY_TIMEOUT); with an `encoder` (called once, when the first is met) in this
    process instead, which takes the extra `worker` and a login with the worker's role; with
    `worker_first` only if no worker is alive, or none answers within 3 s.
    With a `client_key` (default VITRINE_CLIENT_KEY), ids of clients and sessions are hashed before
    they reach the database: see docs/privacy.md.

    Raises:
        DatabaseUnavailableError: nothing answers there, or it refuses the login.
        SettingsError: a setting cannot be used.

    """
    settings = load_settings(database_url=dsn, db_schema=schema, client_key=client_key)
    url = database_url(settings)
    with driver_errors():
        # The first connection is made here, so that what is wrong with it is said at once.
        psycopg.connect(url).close()
        pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            open=True,
            name="vitrine",
            timeout=POOL_TIMEOUT,
            # No transaction, nothing prepared: one round trip a search, also through a proxy.
            kwargs={"autocommit": True, "prepare_threshold": None},
        )
    return Shop(
        pool,
        schema=settings.db_schema,
        query_timeout=query_timeout or settings.query_timeout,
        encoder=encoder,
        worker_first=worker_first,
        client_keys=ClientKeys.read(settings.client_key),
    )


class Shop(ShopperData):
    """One shop's schema behind a pool of connections; made by `connect`."""

    def __init__(
        self,
        pool: ConnectionPool[Connection],
        *,
        schema: str,
        query_timeout: float,
        encoder: Callable[[], QueryEncoder] | None = None,
        worker_first: bool = False,
        client_keys: ClientKeys | None = None,
    ) -> None:
        self.schema = schema
        self.client_keys = client_keys or ClientKeys()
        self._pool = pool
        self._query_timeout = query_timeout
        self._load_encoder = encoder
        self._worker_first = worker_first
        self._encoder: QueryEncoder | None = None
        self._encoder_lock = threading.Lock()

    def search(
        self,
        query: str | None = None,
        *,
        terms: Sequence[Mapping[str, Any]] | None = None,
        filters: Mapping[str, Any] | None = None,
        k: int = 24,
        cursor: str | None = None,
        client: str | None = None,
        session: str | None = None,
        options: Mapping[str, Any] | None = None,
        image: Picture | None = None,
    ) -> Page:
        """Products for words, a picture or nothing (browse): the SQL function `search`.

        `image` (bytes, a file's path, or a web address, which a worker fetches) is one more of
        `terms`, whose images may be given in the same way, or by key. What has no vector yet is
        encoded and asked again. See docs/search.md for the arguments, docs/filters.md for the
        filters.

        Raises:
            QueryError: an argument cannot be used; subclasses say in which way.
            EncodingTimeoutError: no worker encoded the query in time.
            DatabaseError: the database cannot be used.

        """
        terms, pictures = read_pictures(terms, image)
        request = SearchRequest(
            query=query,
            terms=terms,
            filters={} if filters is None else filters,
            k=k,
            cursor=cursor,
            client=self._stored(client, "the client"),
            session=self._stored(session, "the session"),
            options={} if options is None else options,
        )
        return self._retried(lambda connection: self._answer(connection, request, pictures))

    def similar(
        self,
        product: str,
        *,
        filters: Mapping[str, Any] | None = None,
        k: int = 24,
        options: Mapping[str, Any] | None = None,
    ) -> Page:
        """Products like this one (an external_id or SKU), without itself; raises as `search`."""
        return self.search(terms=[{"product": product}], filters=filters, k=k, options=options)

    def understand(
        self, query: str, *, without: Sequence[str] = (), locale: str | None = None
    ) -> Understood:
        """What a query asks for: its words, and filters with a chip for each.

        `without` are the texts of chips that the shopper removed: these stay plain words.

        Raises:
            QueryError: the query or a span cannot be read.
            DatabaseError: the database cannot be used.

        """
        return self._retried(
            lambda connection: run_understand(
                connection, self.schema, query, without=without, locale=locale
            )
        )

    def encode(
        self,
        query: str | None = None,
        *,
        image: Picture | None = None,
        space: str | None = None,
    ) -> str:
        """Make words or a picture known ahead of a search; returns the key that terms name it by.

        Raises:
            QueryError: neither or both are given, or they cannot be fetched or encoded.
            EncodingTimeoutError: no worker encoded them in time.

        """
        if (query is None) == (image is None):
            raise QueryError("encode takes words or a picture, exactly one of them")
        address = str(image) if is_address(image) else None
        picture = None if image is None or address else read_picture(image)
        unknown = Unknown(words=query, picture=picture, address=address, space=space)
        with self.connection() as connection:
            return self._encode(connection, unknown)

    @overload
    def log(self, action: str, /, **event: Unpack[EventFields]) -> uuid.UUID: ...
    @overload
    def log(self, events: Iterable[Event], /) -> Logged: ...
    def log(
        self, what: str | Iterable[Event], /, **event: Unpack[EventFields]
    ) -> uuid.UUID | Logged:
        """Write what a shopper did: an action with its fields, or events in one round trip.

        `shop.log("click", client="u-42", object_id="MH01")` returns the event's id. Of several,
        all are written or none, each once, however often it is logged.

        Raises:
            QueryError: an event cannot be written; the message says which and why.
            DatabaseError: the database cannot be used.

        """
        if isinstance(what, str):
            one = self._named(identified({"action_name": what, **event}))
            action = one.pop("action_name")
            return self._retried(lambda c: log_event(c, self.schema, action, one))  # type: ignore[arg-type]
        if event:
            raise QueryError("the fields of several events belong into each of them")
        many = [self._named(identified(item)) for item in what]
        return self._retried(lambda c: log_events(c, self.schema, many))

    def log_page(
        self,
        page: Page,
        query: str | None = None,
        *,
        client: str | None = None,
        session: str | None = None,
        filters: Mapping[str, Any] | None = None,
        query_id: uuid.UUID | str | None = None,
        query_attributes: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
        application: str | None = None,
    ) -> uuid.UUID:
        """Write that a page was shown: the search, and an impression of each hit.

        Returns the query_id, which clicks then name, and the further pages of the search.

        Raises:
            QueryError: a value cannot be written.
            DatabaseError: the database cannot be used.

        """
        given = {
            "client": self._stored(client, "the client"),
            "session": self._stored(session, "the session"),
            "filters": filters,
            "query_id": query_id or uuid.uuid4(),
            "query_attributes": query_attributes,
            "timestamp": timestamp,
            "application": application,
        }
        return self._retried(lambda c: log_page(c, self.schema, page, query, given))

    @property
    def rules(self) -> Rules:
        """Merchandising: pins, boosts, hidden products, synonyms and redirects."""
        return Rules(self.schema, self.connection)

    @property
    def recommend(self) -> Recommendations:
        """Recommendations for a shopper, for a product and for everybody."""
        return Recommendations(self.schema, self._retried, self._stored)

    @property
    def experiments(self) -> Experiments:
        """A/B tests and interleavings of search."""
        return Experiments(
            self.schema,
            self.connection,
            self.search,
            lambda client: self._stored(client, "the client"),
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Borrow a connection of the pool, in autocommit mode, for SQL of one's own."""
        with driver_errors(), self._pool.connection() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        """The shop itself; it closes at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _retried(self, ask: Callable[[Connection], T]) -> T:
        """Ask; once more, on checked connections, if the server had gone away since last time."""
        with self.connection() as connection:
            try:
                return ask(connection)
            except DatabaseUnavailableError:
                if not connection.broken:
                    raise
        self._pool.check()
        with self.connection() as connection:
            return ask(connection)

    def _answer(
        self, connection: Connection, request: SearchRequest, pictures: Mapping[str, bytes]
    ) -> Page:
        tried: list[Mapping[str, str]] = []
        while True:
            try:
                return run_search(connection, self.schema, request)
            except UnknownQueryError as error:
                unknown = what_is_unknown(error, pictures, request.options.get("space"))
                if unknown is None or error.unknown in tried:
                    raise
                tried.append(error.unknown)
            self._encode(connection, unknown)

    def _encode(self, connection: Connection, unknown: Unknown) -> str:
        if unknown.address is not None and self._load_encoder is not None:
            # The image rules are the workers'; what this process may reach is another matter.
            if not worker_alive(connection, self.schema):
                raise QueryError(
                    "a picture's web address needs a worker, which fetches it, and none is alive: "
                    "start `vitrine work`, or give the picture's bytes or its file"
                )
            return encode_remotely(connection, self.schema, unknown, self._query_timeout)
        if self._load_encoder is None:
            return encode_remotely(connection, self.schema, unknown, self._query_timeout)
        if not self._worker_first or not worker_alive(connection, self.schema):
            return self._encode_here(connection, unknown, self._load_encoder)
        try:
            patience = min(self._query_timeout, WORKER_PATIENCE)
            return encode_remotely(connection, self.schema, unknown, patience)
        except EncodingTimeoutError as late:
            # It may just have been killed: it counts as alive until its heartbeats are missed.
            try:
                return self._encode_here(connection, unknown, self._load_encoder)
            except (DatabaseError, ModelError, SpaceError) as unable:
                raise late from unable

    def _encode_here(
        self, connection: Connection, unknown: Unknown, load: Callable[[], QueryEncoder]
    ) -> str:
        with self._encoder_lock:
            if self._encoder is None:
                self._encoder = load()
        return encode_here(connection, self.schema, unknown, self._encoder)
