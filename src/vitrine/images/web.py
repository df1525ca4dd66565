"""Pictures from the web: redirects followed by hand, every hop checked, bytes and time bounded."""

from __future__ import annotations

import ssl
import zlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import httpcore2

from vitrine.errors import ImageError, SourceUnavailableError
from vitrine.images.errors import (
    BadUriError,
    BrokenImageError,
    DeniedError,
    ForbiddenError,
    HttpStatusError,
    NotFoundError,
    TooLargeError,
    TooManyRedirectsError,
    TruncatedError,
    UnknownHostError,
)
from vitrine.images.fetched import Fetched, NotModified, Validators
from vitrine.images.hosts import HostHealth
from vitrine.images.network import GuardedBackend, resolve
from vitrine.images.uri import WebAddress, parse, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.images.addresses import AddressRules
    from vitrine.images.limits import ImageLimits
    from vitrine.images.network import Resolver

__all__ = ["Web"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
NOT_THERE = frozenset({404, 410})
REFUSALS = frozenset({401, 402, 403, 407, 451})
NOT_NOW = frozenset({408, 425, 429})
MAX_CONNECTIONS = 64
KEEPALIVE = 30.0  # seconds


class Web:
    """Fetches pictures over http(s); safe to use from several threads."""

    def __init__(
        self, rules: AddressRules, *, limits: ImageLimits, resolver: Resolver = resolve
    ) -> None:
        self._limits = limits
        self._health = HostHealth()
        self._backend = GuardedBackend(
            rules, connect_timeout=limits.connect_timeout, resolver=resolver
        )
        # One request at a time on a connection, so that one slow picture holds up no other.
        self._pool = httpcore2.ConnectionPool(
            network_backend=self._backend,
            ssl_context=httpcore2.default_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEPALIVE,
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def fetch(self, address: WebAddress, validators: Validators | None) -> Fetched | NotModified:
        """Fetch one picture; ImageError for its faults, SourceUnavailableError for its host's."""
        with self._backend.deadline(self._limits.timeout):
            for _ in range(self._limits.max_redirects + 1):
                result = self._one_hop(address, validators)
                if not isinstance(result, WebAddress):
                    return result
                address = result
        raise TooManyRedirectsError(
            f"{shown(address.url)} is still a redirect after {self._limits.max_redirects} of them"
        )

    def _one_hop(
        self, address: WebAddress, validators: Validators | None
    ) -> Fetched | NotModified | WebAddress:
        host = address.authority
        self._health.check(host)
        try:
            result = self._ask(address, validators)
        except SourceUnavailableError as exc:
            raise self._health.failed(host, address.url, exc) from exc.__cause__
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as exc:
            raise self._health.failed(host, address.url, _outage(address, exc)) from exc
        except (ForbiddenError, UnknownHostError):
            raise  # never got as far as the host
        except ImageError:
            self._health.answered(host, address.url)
            raise
        self._health.answered(host, address.url)
        return result

    def _ask(
        self, address: WebAddress, validators: Validators | None
    ) -> Fetched | NotModified | WebAddress:
        url = httpcore2.URL(
            scheme=address.scheme, host=address.host, port=address.port, target=address.target
        )
        timeout = {"pool": self._backend.remaining()}
        headers = _request_headers(address, validators)
        with self._pool.stream(
            "GET", url, headers=headers, extensions={"timeout": timeout}
        ) as response:
            status, fields = response.status, _fields(response)
            if status in REDIRECTS and "location" in fields:
                return _redirect(address, fields["location"])
            if status == 304 and validators is not None:
                return NotModified(validators=validators)
            if status != 200:
                raise _status_fault(address, status, fields)
            etag = fields.get("etag")
            if etag and validators is not None and validators.etag == etag:
                return NotModified(validators=validators)  # a server that ignores If-None-Match
            data = self._body(address, response.iter_stream(), fields)
            return Fetched.of(data, etag=etag, last_modified=fields.get("last-modified"))

    def _body(self, address: WebAddress, chunks: Iterator[bytes], fields: dict[str, str]) -> bytes:
        """The whole body, decoded, while it stays within the limit both before and after that."""
        announced = fields.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limits.max_bytes:
            raise self._too_large(address)
        decoder = _content_decoder(address, fields.get("content-encoding", "identity"))
        received, body = 0, bytearray()
        for chunk in chunks:
            received += len(chunk)
            room = self._limits.max_bytes - len(body)
            try:
                body += decoder.decompress(chunk, room + 1) if decoder else chunk
            except zlib.error as exc:
                raise BrokenImageError(f"{shown(address.url)} is broken gzip: {exc}") from exc
            if max(received, len(body)) > self._limits.max_bytes:
                raise self._too_large(address)
        if decoder and not decoder.eof:
            raise TruncatedError(f"{shown(address.url)} ends in the middle of its gzip stream")
        return bytes(body)

    def _too_large(self, address: WebAddress) -> TooLargeError:
        allowed = self._limits.max_bytes
        return TooLargeError(f"{shown(address.url)} has more than the {allowed:,} bytes allowed")


def _request_headers(
    address: WebAddress, validators: Validators | None
) -> list[tuple[bytes, bytes]]:
    headers = {
        "Host": address.authority,
        "User-Agent": "Vitrine",
        "Accept": "image/jpeg,image/png,image/webp,image/*;q=0.8",
        "Accept-Encoding": "identity",
    }
    if validators is not None and validators.etag:
        headers["If-None-Match"] = validators.etag
    if validators is not None and validators.last_modified:
        headers["If-Modified-Since"] = validators.last_modified
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


def _fields(response: httpcore2.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _redirect(address: WebAddress, location: str) -> WebAddress:
    """Where a redirect leads; it must be the web again, and the next hop checks its address."""
    try:
        # Servers send raw UTF-8 here, which the header rules read as Latin-1.
        location = location.encode("latin-1").decode("utf-8", "replace")
        target = parse(urljoin(address.url, location.strip()))
    except ValueError as exc:
        raise BadUriError(f"{shown(address.url)} redirects to what is no address: {exc}") from exc
    if not isinstance(target, WebAddress):
        raise ForbiddenError(f"{shown(address.url)} redirects away from the web")
    return target


def _status_fault(address: WebAddress, status: int, fields: dict[str, str]) -> Exception:
    where = shown(address.url)
    if status in NOT_THERE:
        return NotFoundError(f"{where} is not there (status {status})")
    if status in REFUSALS:
        return DeniedError(f"{where} is not handed out (status {status})")
    if status in NOT_NOW or status == 503:
        reason = "http_429" if status == 429 else "http_5xx" if status == 503 else "timeout"
        pause = _retry_after(fields.get("retry-after"))
        return SourceUnavailableError(
            f"{address.authority} asks to come back later (status {status})",
            reason=reason,
            retry_after=pause,
        )
    if status >= 500:
        return SourceUnavailableError(f"{where} failed with status {status}", reason="http_5xx")
    return HttpStatusError(f"{where} answered with status {status} and no picture")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a Retry-After header in either of its two forms."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
        return max((then - then.now(then.tzinfo)).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _outage(address: WebAddress, exc: Exception) -> SourceUnavailableError:
    where = address.authority
    if isinstance(exc, httpcore2.TimeoutException):
        return SourceUnavailableError(f"{where} did not answer in time", reason="timeout")
    if isinstance(exc, httpcore2.ConnectError):
        # The pool clears the cause, but the driver's error is also the first argument.
        secure = any(isinstance(cause, ssl.SSLError) for cause in exc.args)
        reason = "tls" if secure else "refused"
        return SourceUnavailableError(f"no connection to {where}: {exc}", reason=reason)
    return SourceUnavailableError(f"the connection to {where} broke: {exc}", reason="connection")


def _content_decoder(address: WebAddress, encoding: str) -> zlib._Decompress | None:
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=47)  # gzip or zlib, as its header says
    raise BrokenImageError(f"{shown(address.url)} is sent as {encoding!r} although not asked for")
