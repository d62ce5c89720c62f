"""An RSA key out of a JKS keystore, and what it decrypts; runs inside a pod, on the standard library alone.

Only to find out whether cipher texts fit a key before a server takes them: EI itself decrypts them, and says nothing
when they do not fit. JKS is Sun's oldest format, and the one that needs no cipher: a key is hidden by a stream of SHA-1
digests (OpenJDK, sun.security.provider.KeyProtector), which is why ``keytool`` is asked for it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAGIC, _KEY_ENTRY = 0xFEEDFEED, 1
_SALT = _DIGEST = 20
_RSA = bytes.fromhex("2a864886f70d010101")
"""1.2.840.113549.1.1.1, in DER."""


class UnusableKeyError(Exception):
    """A key that cannot be used, with the reason."""


class RsaKey(NamedTuple):
    """What decrypts."""

    modulus: int
    exponent: int

    @property
    def size(self) -> int:
        """Bytes of a cipher text."""
        return (self.modulus.bit_length() + 7) // 8

    def decrypt(self, cipher: bytes, transformation: str) -> bytes | None:
        """The plain text; ``None`` for what was not encrypted for this key, or not so."""
        if len(cipher) != self.size or int.from_bytes(cipher, "big") >= self.modulus:
            return None
        block = pow(int.from_bytes(cipher, "big"), self.exponent, self.modulus).to_bytes(self.size, "big")
        return _without_padding(block) if transformation == "RSA" else _without_oaep(block)


def _without_padding(block: bytes) -> bytes | None:
    """PKCS #1 1.5: what a JVM means by ``RSA`` alone."""
    end = block.find(b"\0", 2)
    return block[end + 1 :] if block[:2] == b"\0\2" and end >= 10 else None


def _without_oaep(block: bytes) -> bytes | None:
    """OAEP with SHA-1 and an empty label (RFC 8017, 7.1.2)."""
    seed, masked = block[1 : 1 + _DIGEST], block[1 + _DIGEST :]
    seed = _xor(seed, _mask(masked, _DIGEST))
    plain = _xor(masked, _mask(seed, len(masked)))
    rest = plain[_DIGEST:].lstrip(b"\0")
    fits = block[0] == 0 and plain[:_DIGEST] == hashlib.sha1(b"", usedforsecurity=False).digest() and rest[:1] == b"\1"
    return rest[1:] if fits else None


def _mask(seed: bytes, length: int) -> bytes:
    blocks = (hashlib.sha1(seed + struct.pack(">I", i), usedforsecurity=False) for i in range(length // _DIGEST + 1))
    return b"".join(block.digest() for block in blocks)[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def read_key(store: Path, password: str) -> RsaKey:
    """The first key of a JKS keystore.

    Raises ``UnusableKeyError`` for another format, another password, and a key of another kind than RSA.
    """
    data = store.read_bytes()
    try:
        protected = _protected_key(data)
        plain = _unhidden(next(_elements(protected, 1)), password)
        _, algorithm, key, *_ = _elements(plain)
        if next(_elements(algorithm, inside=True)) != _RSA:
            raise UnusableKeyError("is no RSA key, and EI's vault knows no other")
        _, modulus, _, exponent, *_ = _elements(key)
    except (struct.error, StopIteration, ValueError, IndexError) as error:
        raise UnusableKeyError("cannot be read") from error
    return RsaKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))


def _protected_key(data: bytes) -> bytes:
    """EncryptedPrivateKeyInfo of the first entry, behind its alias and its date."""
    magic, _, _, kind, alias = struct.unpack_from(">IIIIH", data)
    if magic != _MAGIC or kind != _KEY_ENTRY:
        raise UnusableKeyError("is not in a keystore of the kind JKS")
    at = 18 + alias + 8
    (length,) = struct.unpack_from(">I", data, at)
    return data[at + 4 : at + 4 + length]


def _unhidden(hidden: bytes, password: str) -> bytes:
    salt, body, digest = hidden[:_SALT], hidden[_SALT:-_DIGEST], hidden[-_DIGEST:]
    word = password.encode("utf-16-be")
    stream, last = b"", salt
    while len(stream) < len(body):
        last = hashlib.sha1(word + last, usedforsecurity=False).digest()
        stream += last
    plain = _xor(body, stream)
    if not hmac.compare_digest(hashlib.sha1(word + plain, usedforsecurity=False).digest(), digest):
        raise UnusableKeyError("does not open with its password")
    return plain


def _elements(data: bytes, skip: int = 0, *, inside: bool = False) -> Iterator[bytes]:
    """Contents of the elements of a DER sequence, but for the first few; its header is gone already from what is
    ``inside``."""
    at, end = (0, len(data)) if inside else _header(data, 0)
    while at < end:
        start, stop = _header(data, at)
        if skip:
            skip -= 1
        else:
            yield data[start:stop]
        at = stop


def _header(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at ``at`` begins and ends."""
    length, start = data[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    return start, start + length
