"""The connection itself: who is trusted, and what is sent along."""

import dataclasses
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.server import Server, ServerConnection, serve

from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.robots.arm import Arm
from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.settings import CellSettings, SecuritySettings


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's own certificate for 127.0.0.1, and its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "lab.pem"
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    return path


@pytest.fixture(scope="module")
def server(authority: Path, settings: CellSettings) -> Iterator[tuple[str, list[str]]]:
    """A server with TLS that publishes joint states, and what it was sent as `Authorization`."""
    tokens: list[str] = []
    state = Dialect("ros2").joint_state(settings.arm.joints, [0.0] * 7, [0.0] * 7, 1.0)

    def talk(connection: ServerConnection) -> None:
        tokens.append(connection.request.headers.get("Authorization", "") if connection.request else "")
        for text in connection:
            if json.loads(text).get("topic") == settings.arm.joint_states:
                connection.send(json.dumps({"op": "publish", "topic": settings.arm.joint_states, "msg": state}))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with serve(talk, "127.0.0.1", 0, ssl=context) as found:
        _run(found)
        yield f"wss://127.0.0.1:{found.socket.getsockname()[1]}", tokens
        found.shutdown()


def _run(server: Server) -> None:
    threading.Thread(target=server.serve_forever, daemon=True).start()


def secured(settings: CellSettings, url: str, **security: Any) -> CellSettings:
    return dataclasses.replace(settings, url=url, security=SecuritySettings(**security))


def test_an_unknown_authority_is_refused(server: tuple[str, list[str]], settings: CellSettings) -> None:
    with pytest.raises(RobotError, match="Cannot reach rosbridge.*CERTIFICATE_VERIFY_FAILED.*Nothing was sent"):
        Arm("kuka-3", secured(settings, server[0]))
    assert server[1] == []


def test_the_labs_authority_is_trusted_and_gets_the_token(
    server: tuple[str, list[str]], settings: CellSettings, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_TOKEN", "secret")
    arm = Arm("kuka-3", secured(settings, server[0], ca_file=str(authority), token_env="LAB_TOKEN"))
    arm.close()
    assert server[1] == ["Bearer secret"]


def test_an_authority_that_is_not_there(settings: CellSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Cannot read security.ca_file"):
        Arm("kuka-3", secured(settings, "wss://127.0.0.1:1", ca_file=str(tmp_path / "none.pem")))
