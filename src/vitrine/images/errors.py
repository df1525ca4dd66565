"""What can be wrong with one picture; each class has the `reason` that its dead letter carries."""

from __future__ import annotations

from vitrine.errors import ImageError

__all__ = [
    "BadUriError",
    "BrokenImageError",
    "DeniedError",
    "EmptyImageError",
    "ForbiddenError",
    "HttpStatusError",
    "NotAnImageError",
    "NotFoundError",
    "TooLargeError",
    "TooManyPixelsError",
    "TooManyRedirectsError",
    "TruncatedError",
    "UnknownHostError",
    "UnsupportedFormatError",
]


class BadUriError(ImageError):
    """The URI cannot be read as a path, a web address or an object's key; correct the catalogue."""

    reason = "bad_uri"


class ForbiddenError(ImageError):
    """The URI leads where pictures may not be fetched from; allow the place or correct the URI."""

    reason = "forbidden"


class NotFoundError(ImageError):
    """There is nothing at the URI (404, 410, no such file); upload the picture or correct it."""

    reason = "not_found"


class UnknownHostError(ImageError):
    """The name server knows no such host; correct the URI."""

    reason = "unknown_host"


class DeniedError(ImageError):
    """The picture's keeper refuses to hand it out (401, 403, file mode); grant reading."""

    reason = "denied"


class HttpStatusError(ImageError):
    """The web server answered with a status that is no picture and no outage (such as 400)."""

    reason = "http_status"


class TooManyRedirectsError(ImageError):
    """The address redirects more often than allowed; put the final address in the catalogue."""

    reason = "too_many_redirects"


class TooLargeError(ImageError):
    """The file has more bytes than allowed; use a smaller file or raise the limit."""

    reason = "too_large"


class TooManyPixelsError(ImageError):
    """The header announces more pixels than allowed; use a smaller picture or raise the limit."""

    reason = "too_many_pixels"


class EmptyImageError(ImageError):
    """The file has no bytes; upload it again."""

    reason = "empty"


class NotAnImageError(ImageError):
    """The bytes are something else (a web page, a text, a PDF); the message says what."""

    reason = "not_an_image"


class UnsupportedFormatError(ImageError):
    """The bytes are a picture in a format that is not read; convert it to JPEG, PNG or WebP."""

    reason = "unsupported_format"


class TruncatedError(ImageError):
    """The file ends before the picture does; upload it again."""

    reason = "truncated"


class BrokenImageError(ImageError):
    """The bytes begin like a picture but cannot be decoded; export it again."""

    reason = "broken"
