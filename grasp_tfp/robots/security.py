"""How the connection to a robot is protected; rosbridge itself protects nothing."""

import os
import ssl
import urllib.parse

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.settings import SecuritySettings

__all__ = ["headers", "tls"]

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def headers(security: SecuritySettings) -> dict[str, str]:
    """What the request for a connection carries.

    Raises:
        UsageError: The token is not in its environment variable.
    """
    if not security.token_env:
        return {}
    token = os.environ.get(security.token_env, "")
    if not token:
        raise UsageError(f"Expected the robot's token in the environment variable {security.token_env}, found none.")
    return {"Authorization": f"Bearer {token}"}


def tls(url: str, security: SecuritySettings) -> ssl.SSLContext | None:
    """How the server's certificate is verified; None for a connection without, which stays on this machine.

    Raises:
        UsageError: The certificates cannot be read, or the connection would leave this machine unprotected.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "wss":
        try:
            return ssl.create_default_context(cafile=os.path.expanduser(security.ca_file) or None)
        except OSError as error:
            raise UsageError(
                f"Cannot read security.ca_file {security.ca_file!r}: {error}. Expected a PEM file."
            ) from error
    if parts.hostname not in THIS_MACHINE and not security.allow_plaintext:
        raise UsageError(
            f"Refused to connect to {url}: expected wss://, or ws:// to this machine only. Use a proxy with TLS or an "
            "SSH tunnel, or set security.allow_plaintext."
        )
    return None
