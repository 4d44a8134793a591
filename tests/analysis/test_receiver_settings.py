"""The settings for nginx in docs/for-vendors.md: a real nginx with them writes nothing down of who sent a report, or when."""

import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from telemetryd.core.answers.report import encode, report_for_test

PAGE = Path(__file__).parents[2] / "docs" / "for-vendors.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
ADDRESS = b"127.0.0.1"
WAIT_S = 10
KEPT_IN = "".join(f"{name}_temp_path {name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def settings():
    """The block of the page."""
    (block,) = re.findall(r"^```nginx\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return block


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def is_open(port):
    """Whether something listens there."""
    with socket.socket() as place:
        return place.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def serving(folder, block):
    """An nginx of the block in a folder of its own, whose backend does not answer; its port."""
    port, backend = free_port(), free_port()
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:8080", f"localhost:{backend}"),
        ("/etc/ssl/certs/telemetry.pem", f"{folder}/server.pem"),
        ("/etc/ssl/private/telemetry.key", f"{folder}/server.pem"),
        ("http {\n", "http {\n" + KEPT_IN),
    ):
        assert old in block
        block = block.replace(old, new)
    (folder / "nginx.conf").write_text(f"daemon off;\npid nginx.pid;\nerror_log error.log;\nevents {{}}\n{block}")
    process = subprocess.Popen([NGINX, "-e", "error.log", "-p", f"{folder}/", "-c", "nginx.conf"])
    try:
        deadline = time.monotonic() + WAIT_S
        while not is_open(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
        yield port
    finally:
        process.terminate()
        process.wait(WAIT_S)


def post(port, body):
    """The status of one post."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(http.client.HTTPSConnection("localhost", port, context=context, timeout=WAIT_S)) as connection:
        connection.request("POST", "/v1/reports", body)
        return connection.getresponse().status


def written(folder, block):
    """What is in files after a report that the backend did not get, a body that is too long, and a handshake that failed."""
    folder.mkdir()
    with serving(folder, block) as port:
        assert [post(port, b"x" * size) for size in (1024, 1025)] == [502, 413]
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"\x16\x03\x01\x00\x05hello")
            plain.recv(100)
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix not in {".pem", ".conf"})


def test_expression_for_test_reports(tmp_path):
    """The page's expression finds each test report, padded or not, and no user's report, not even one of a similar question."""
    (command,) = re.findall(r"^```sh\n(grep .*reports\.jsonl)\n```", PAGE.read_text(), re.MULTILINE)
    test = report_for_test("2026-12-01", "0123456789abcdef" * 2)
    user = test._replace(application="org.example.Editor", question="telemetryd-tests", answer=("telemetryd-test",))
    (tmp_path / "reports.jsonl").write_bytes(b"\n".join([encode(test), encode(user), encode(test).rstrip(), b""]))
    found = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=True).stdout
    assert found == encode(test) + b"\n" + encode(test).rstrip() + b"\n"


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nothing_is_kept(tmp_path):
    """With the page's settings no file holds an address; without them the error log does for what failed, the access log for all."""
    assert ADDRESS not in written(tmp_path / "told", settings())
    without_errors = re.sub(r"^ *error_log .*\n", "", settings(), flags=re.MULTILINE)
    found = written(tmp_path / "errors", without_errors)
    assert len(re.findall(rb"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] .*client: 127\.0\.0\.1", found, re.MULTILINE)) == 2
    assert written(tmp_path / "accesses", settings().replace("access_log off", "access_log access.log")).count(ADDRESS) >= 2
