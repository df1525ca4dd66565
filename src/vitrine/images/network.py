"""Connections that go only where the address rules allow, and that end when their time is up.

httpcore2 hands every new connection to its network backend. This one asks the name server once,
checks each address of the answer and connects to one of those very addresses, so that a second
answer (DNS rebinding) never comes into play. TLS and the Host header still use the name.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import httpcore2

from vitrine.errors import SourceUnavailableError
from vitrine.images.errors import UnknownHostError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from vitrine.images.addresses import AddressRules

__all__ = ["GuardedBackend", "Resolver", "resolve"]

Resolver: TypeAlias = Callable[[str, int], list[str]]  # host and port to addresses

MAX_ADDRESSES = 8  # of one host, tried one after the other
# The name server answered that there is no such name or no address for it; anything else
# (no answer, a refusal) is the name server's fault.
_NO_SUCH_HOST = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)
}


def resolve(host: str, port: int) -> list[str]:
    """Every address that the system's resolver has for a host, in its order, each once."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class GuardedBackend(httpcore2.NetworkBackend):
    """Makes httpcore2's connections under the address rules and the calling thread's deadline."""

    def __init__(
        self,
        rules: AddressRules,
        *,
        connect_timeout: float,
        resolver: Resolver = resolve,
    ) -> None:
        self._rules = rules
        self._connect_timeout = connect_timeout
        self._resolver = resolver
        self._plain = httpcore2.SyncBackend()
        self._thread = threading.local()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let everything that this thread does on the network inside end within `seconds`."""
        self._thread.until = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._thread.until

    def remaining(self) -> float:
        """Seconds left to this thread; httpcore2.ReadTimeout when there are none."""
        until: float | None = getattr(self._thread, "until", None)
        if until is None:  # closing a connection after its request
            return self._connect_timeout
        left = until - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time for this image is up")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to one of the host's addresses, after all of them were found allowed."""
        del timeout, local_address, socket_options  # the deadline rules instead; none are used
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._rules.check(host, port, self._addresses(host, port)):
            try:
                stream = self._plain.connect_tcp(
                    address, port, timeout=min(self.remaining(), self._connect_timeout)
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
            else:
                return _TimedStream(stream, self.remaining)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        """Ask the resolver in a thread of its own: it takes no timeout and can hang for long."""
        answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolver(host, port)[:MAX_ADDRESSES])
            except (OSError, UnicodeError) as exc:
                answer.put(exc)

        threading.Thread(target=ask, name="vitrine-resolve", daemon=True).start()
        try:
            result = answer.get(timeout=self.remaining())
        except queue.Empty:
            raise SourceUnavailableError(
                f"the name server did not answer for {host} in time", reason="dns"
            ) from None
        if isinstance(result, Exception):
            raise _resolver_fault(host, result) from result
        return result


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose every read and write ends by the thread's deadline.

    A limit on each read alone would let a server that sends a byte now and then go on for ever.
    """

    def __init__(self, stream: httpcore2.NetworkStream, remaining: Callable[[], float]) -> None:
        self._stream = stream
        self._remaining = remaining

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._stream.read(max_bytes, self._remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._stream.write(buffer, self._remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        del timeout
        secured = self._stream.start_tls(ssl_context, server_hostname, self._remaining())
        return _TimedStream(secured, self._remaining)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _resolver_fault(host: str, exc: Exception) -> Exception:
    if isinstance(exc, UnicodeError):
        return UnknownHostError(f"{host} is no possible host name")
    if isinstance(exc, socket.gaierror) and exc.errno in _NO_SUCH_HOST:
        return UnknownHostError(f"the name server knows no host {host}; correct the image's URI")
    return SourceUnavailableError(f"the name server failed for {host}: {exc}", reason="dns")
