"""Sealing of the secrets that must be read back: SIP passwords and API secrets.

AES-256-GCM under one key kept in a file that only its owner reads. Kind and owner of a secret are
authenticated with it, so that a value moved to another row does not open.
"""

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

from sipedge.accounts.secret import Secret
from sipedge.stores.errors import KeyFileError

KEY_FILE_NAME: Final = "secret.key"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
# The first byte of a sealed value, for the day when another algorithm takes over.
VERSION_AES_GCM: Final = b"\x01"


class SecretBox:
    """Seals and opens secrets under the key of one data folder."""

    __slots__ = ("_cipher", "_root", "path")

    def __init__(self, key: bytes, path: Path) -> None:
        if len(key) != KEY_BYTES:
            raise KeyFileError(f"{path}: does not hold a key of {KEY_BYTES} bytes in hexadecimal")
        self._cipher = AESGCM(key)
        self._root = hashlib.blake2s(b"sipedge: keys derived from the key file", key=key).digest()
        self.path = path

    @classmethod
    def load(cls, path: Path) -> "SecretBox":
        """Read the key file; KeyFileError when it is missing, damaged or readable by others."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read(4096)
        except FileNotFoundError:
            raise KeyFileError(f"{path}: no such file; restore it from a backup") from None
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
        if mode & 0o077:
            raise KeyFileError(
                f"{path}: mode {mode:04o} lets others read the key; run `chmod 600 {path}`"
            )
        try:
            key = bytes.fromhex(content.decode("ascii"))
        except ValueError:
            raise KeyFileError(f"{path}: is not a key file; restore it from a backup") from None
        return cls(key, path)

    @classmethod
    def create(cls, path: Path) -> "SecretBox":
        """Make a new key file with mode 0600, or load the one that another process just made."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be made ({error.strerror})") from None
        key = secrets.token_bytes(KEY_BYTES)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(key.hex().encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                # A link appears with its whole content, and fails when the name is taken.
                os.link(temporary, path)
            finally:
                temporary.unlink()
        except FileExistsError:
            return cls.load(path)
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be made ({error.strerror})") from None
        return cls(key, path)

    @classmethod
    def load_or_create(cls, path: Path) -> "SecretBox":
        """Load the key file, or make it where there is none."""
        return cls.load(path) if path.exists() else cls.create(path)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose: always the same, and they do not give the key."""
        return hashlib.blake2s(purpose.encode(), key=self._root).digest()

    def seal(self, text: str, *, kind: str, owner: str) -> bytes:
        """Seal a secret for one row: `kind` is what it is, `owner` the natural key of the row."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), _associated(kind, owner))
        return VERSION_AES_GCM + nonce + sealed

    def open(self, sealed: bytes, *, kind: str, owner: str) -> str:
        """Open a sealed secret; KeyFileError when it was sealed otherwise or altered."""
        body = 1 + NONCE_BYTES
        if sealed[:1] == VERSION_AES_GCM and len(sealed) >= body + TAG_BYTES:
            try:
                return self._cipher.decrypt(
                    sealed[1:body], sealed[body:], _associated(kind, owner)
                ).decode()
            except InvalidTag:
                pass
        raise KeyFileError(
            f"{self.path}: does not open the {kind} of {owner}; "
            "restore the key file and the database from the same backup"
        )

    @override
    def __repr__(self) -> str:
        return "<SecretBox ****>"


class SealedSecret(Secret):
    """A secret as it is stored; `reveal()` opens it, nothing else shows it."""

    __slots__ = ("_box", "_kind", "_owner", "sealed")

    def __init__(self, box: SecretBox, sealed: bytes, *, kind: str, owner: str) -> None:
        self._box = box
        self._kind = kind
        self._owner = owner
        self.sealed = sealed

    def belongs_to(self, box: SecretBox, *, kind: str, owner: str) -> bool:
        """Whether the sealed bytes may be stored as they are in a row of this owner."""
        return self._box is box and self._kind == kind and self._owner == owner

    @override
    def reveal(self) -> str:
        """Open the secret; KeyFileError when the key is another one."""
        return self._box.open(self.sealed, kind=self._kind, owner=self._owner)


def _associated(kind: str, owner: str) -> bytes:
    return f"{kind}\0{owner}".encode()
