"""Proof on a bundle's folder that any machine can check: SHA256SUMS for `sha256sum -c`, and whose signature it bears.

Keys are Ed25519 in PEM files, as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them.
"""

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any

from grasp_tfp.errors import BundleRejected, UsageError
from grasp_tfp.files import in_one_piece

__all__ = ["SIGNATURE", "SUMS", "check_key", "check_seal", "seal"]

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"


def seal(folder: Path, key: Path | None = None) -> None:
    """Writes SHA256SUMS over all files, and its signature if there is a key.

    Args:
        folder: Of the bundle.
        key: Private key; without one, a signature that was there stays.

    Raises:
        UsageError: The key cannot be read, or `cryptography` is not installed.
    """
    sums = _sums(folder)
    signature = base64.b64encode(_key(key, private=True).sign(sums)) + b"\n" if key else None
    _write(folder / SUMS, sums)
    if signature:
        _write(folder / SIGNATURE, signature)


def check_key(path: Path) -> None:
    """Finds out early whether a private key can sign.

    Raises:
        UsageError: It cannot be read, or `cryptography` is not installed.
    """
    _key(path, private=True)


def check_seal(folder: Path, key: Path | None = None) -> None:
    """Checks every file against SHA256SUMS, and its signature if a key is required.

    Args:
        folder: Of the bundle.
        key: Public key that has to have signed it; none is required if None.

    Raises:
        BundleRejected: A file is missing, altered or surplus, or the key's signature is not there.
        UsageError: The key cannot be read, or `cryptography` is not installed.
    """
    written = (folder / SUMS).read_bytes() if (folder / SUMS).is_file() else b""
    if written != _sums(folder):
        raise BundleRejected(f"{folder / SUMS} does not match the files: expected it to. Deploy the run again.")
    if key is None:
        return
    public = _key(key, private=False)
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(base64.b64decode((folder / SIGNATURE).read_bytes()), written)
    except (FileNotFoundError, InvalidSignature, binascii.Error) as error:
        found = "no signature" if isinstance(error, FileNotFoundError) else "another one"
        raise BundleRejected(
            f"{folder} is not signed as required: expected a signature of {key}, found {found}. Deploy it with --sign."
        ) from error


def _sums(folder: Path) -> bytes:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name not in (SUMS, SIGNATURE)
    ]
    return "".join(lines).encode()


def _key(path: Path, private: bool) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
    except ModuleNotFoundError as error:
        raise UsageError("Signatures need the package cryptography. Run pip install 'graspctl[sign]'.") from error
    kind = "private" if private else "public"
    try:
        content = path.read_bytes()
        key = load_pem_private_key(content, None) if private else load_pem_public_key(content)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"Cannot read the {kind} key {str(path)!r}: {error}. Expected an Ed25519 PEM file.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        raise UsageError(f"Expected an Ed25519 key in {str(path)!r}, received one of another kind.")
    return key


def _write(path: Path, content: bytes) -> None:
    with in_one_piece(path) as partial:
        partial.write_bytes(content)
