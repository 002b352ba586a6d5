"""SHA256SUMS and its signature."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from grasp_tfp.errors import BundleRejected, UsageError
from grasp_tfp.robots.sealing import SIGNATURE, SUMS, check_seal, seal


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "policy").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "policy/saved_model.pb").write_bytes(b"\x00\x01")
    return folder


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_any_machine_can_check_the_sums(bundle: Path) -> None:
    seal(bundle)
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=bundle, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["manifest.json: OK", "policy/saved_model.pb: OK"]
    check_seal(bundle)


@pytest.mark.parametrize("fault", ["altered", "missing", "surplus", "no sums"])
def test_any_change_is_found(bundle: Path, fault: str) -> None:
    seal(bundle)
    if fault == "altered":
        (bundle / "policy/saved_model.pb").write_bytes(b"\x00\x02")
    elif fault == "surplus":
        (bundle / "policy/more").write_text("")
    else:
        (bundle / ("manifest.json" if fault == "missing" else SUMS)).unlink()
    with pytest.raises(BundleRejected, match="does not match the files"):
        check_seal(bundle)


def test_a_required_signature_has_to_be_that_keys_over_these_files(bundle: Path, tmp_path: Path) -> None:
    (private, public), (_, stranger) = keys(tmp_path, "lab"), keys(tmp_path, "other")
    seal(bundle)
    with pytest.raises(BundleRejected, match="found no signature"):
        check_seal(bundle, public)
    seal(bundle, private)
    check_seal(bundle, public)
    seal(bundle)
    check_seal(bundle, public)
    with pytest.raises(BundleRejected, match="found another one"):
        check_seal(bundle, stranger)
    (bundle / "manifest.json").write_text('{"digest": ""}')
    seal(bundle)
    with pytest.raises(BundleRejected, match="found another one"):
        check_seal(bundle, public)
    (bundle / SIGNATURE).write_text("~")
    with pytest.raises(BundleRejected, match="found another one"):
        check_seal(bundle, public)


def test_openssl_reads_the_signature(bundle: Path, tmp_path: Path) -> None:
    private, public = keys(tmp_path, "lab")
    seal(bundle, private)
    script = (
        f"base64 -d {SIGNATURE} > sig && openssl pkeyutl -verify -pubin -inkey {public} -rawin -in {SUMS} -sigfile sig"
    )
    assert "Verified" in subprocess.run(script, shell=True, cwd=bundle, capture_output=True, text=True).stdout


def test_a_key_that_is_none_is_refused(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "rsa.pem"
    key = rsa.generate_private_key(65537, 2048)
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path, phrase in ((other, "another kind"), (tmp_path / "none.pem", "Cannot read the private key")):
        with pytest.raises(UsageError, match=phrase):
            seal(bundle, path)
    assert not (bundle / SUMS).exists()
