"""Client ids as keyed hashes: what reaches the database says nothing without a key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

__all__ = ["ClientKeys", "client_key"]

LEAST_BYTES = 16


def client_key(client: str | None, key: str | SecretStr | None) -> str | None:
    """The name under which a client or session is stored: HMAC-SHA256 (RFC 2104) in hex.

    The SQL function `client_hash` gives the same. Without a key, and for what names nobody (None,
    blank), it is the id itself.
    """
    if client is None or key is None or not client.strip():
        return client
    secret = key.get_secret_value() if isinstance(key, SecretStr) else key
    return hmac.new(secret.encode(), client.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ClientKeys:
    """The keys of a shop, the present one first; none: ids are stored as they are given."""

    keys: tuple[SecretStr, ...] = ()

    @classmethod
    def read(cls, text: str | SecretStr | None) -> ClientKeys:
        """From the setting: keys with commas between them.

        Raises:
            ValueError: a key has fewer than 16 bytes; the message does not repeat it.

        """
        given = text.get_secret_value() if isinstance(text, SecretStr) else text
        keys = [key.strip() for key in (given or "").split(",") if key.strip()]
        if any(len(key.encode()) < LEAST_BYTES for key in keys):
            msg = (
                f"a key has fewer than {LEAST_BYTES} bytes; make one with `openssl rand -hex 32`, "
                "and put a comma between a new key and those it replaces"
            )
            raise ValueError(msg)
        return cls(keys=tuple(map(SecretStr, keys)))

    def name(self, client: str | None) -> str | None:
        """Under which name a client or session is stored from now on."""
        return client_key(client, self.keys[0] if self.keys else None)

    def names(self, client: str) -> Sequence[str]:
        """Every name under which a client may be stored: by each key, and the id itself."""
        hashed = [client_key(client, key) for key in self.keys]
        return list(dict.fromkeys([*filter(None, hashed), client]))
