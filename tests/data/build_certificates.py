"""Writes `certificates/`: an authority, two servers that it vouches for, and an impostor.

    python tests/data/build_certificates.py   # needs openssl

Each file but `authority.pem` holds a key, its certificate and the authority's. The impostor's names
the authority as its issuer, which did not sign it. They protect nothing: all are public.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = "/CN=authority of the tests"
SETTINGS = """
[ca]
default_ca = tests
[tests]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
# No identifier of the authority's key: the impostor's would give it away before its signature.
authorityKeyIdentifier = none
subjectAltName = IP:127.0.0.1, DNS:localhost
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
YEARS = ("-startdate", "20200101000000Z", "-enddate", "21200101000000Z")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make(folder: Path, name: str, subject: str, *how: str) -> None:
    """Make a key and a certificate, `name.key` and `name.crt`."""
    openssl(folder, "req", *KEY, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    signed = ("-batch", "-notext", *YEARS, "-in", f"{name}.csr", "-out", f"{name}.crt", *how)
    openssl(folder, "ca", "-config", "settings", *signed)


def main() -> None:
    CERTIFICATES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "settings").write_text(SETTINGS)
        (folder / "index").touch()
        for name in ("authority", "forged"):
            own = ("-selfsign", "-keyfile", f"{name}.key", "-extensions", "authority")
            make(folder, name, AUTHORITY, *own)
        authority = (folder / "authority.crt").read_text()
        (CERTIFICATES / "authority.pem").write_text(authority)
        for name, by in (
            ("server", "authority"),
            ("successor", "authority"),
            ("impostor", "forged"),
        ):
            signer = ("-cert", f"{by}.crt", "-keyfile", f"{by}.key", "-extensions", "server")
            make(folder, name, f"/CN={name}", *signer)
            own = "".join((folder / f"{name}.{kind}").read_text() for kind in ("key", "crt"))
            (CERTIFICATES / f"{name}.pem").write_text(own + authority)


if __name__ == "__main__":
    main()
