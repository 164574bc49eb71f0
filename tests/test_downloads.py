"""Files fetched by URL, from a server in this process."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from codec_zoo.downloads import DownloadError, download
from codec_zoo.weights import (
    RemoteFile,
    WeightsError,
    WeightsNotFoundError,
    WeightsSource,
    fetch_weights,
    resolve_weights,
    sha256_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4_000


class Server(ThreadingHTTPServer):
    """Serves CONTENT, and breaks off after a number of bytes if it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.break_after: int | None = None
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:][: self.server.break_after])

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def remote(server: Server, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(server.url, "model.bin", hashlib.sha256(content).hexdigest())


def unpinned(server: Server) -> RemoteFile:
    """A file whose hash nobody has seen yet."""
    return RemoteFile(server.url, "model.bin")


def source(server: Server) -> WeightsSource:
    files = (remote(server), replace(remote(server), name="second.bin"))
    return WeightsSource("example", "MIT", len(CONTENT), files=files, accepts="a folder of models")


def test_a_file_is_fetched_and_its_bytes_are_reported(server: Server, tmp_path: Path) -> None:
    reported: list[int] = []
    path = download(remote(server), tmp_path, reported.append)
    assert path.read_bytes() == CONTENT
    assert reported == sorted(reported)
    assert reported[-1] == len(CONTENT)


def test_a_download_that_broke_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(DownloadError, match=r"broke off|IncompleteRead") as raised:
        download(remote(server), tmp_path, lambda _: None)
    assert "300000 bytes are here" in str(raised.value)
    server.break_after = None
    assert download(remote(server), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-"]


def test_a_file_that_is_here_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    download(remote(server), tmp_path, lambda _: None)
    download(remote(server), tmp_path, lambda _: None)
    assert len(server.ranges) == 1


def test_another_content_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"sha256 [0-9a-f]{12}\.\.\., [0-9a-f]{12}.* expected"):
        download(remote(server, b"other"), tmp_path, lambda _: None)
    assert not list(tmp_path.glob("model.bin*"))


def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT + b"more")
    with pytest.raises(DownloadError, match="answered 416"):
        download(remote(server), tmp_path, lambda _: None)
    assert download(remote(server), tmp_path, lambda _: None).read_bytes() == CONTENT


def test_fetched_weights_are_found_and_on_record(server: Server, weights: Path) -> None:
    fetched = fetch_weights(source(server), lambda name, n_bytes: None)
    assert fetched.path == weights / "example"
    assert (fetched.path / "model.bin").read_bytes() == CONTENT
    assert (fetched.path / "second.bin").read_bytes() == CONTENT
    assert resolve_weights(source(server)).sha256 == fetched.sha256 == sha256_of(fetched.path)
    assert not list(weights.glob(".incoming-*"))


def test_weights_with_a_url_are_not_fetched_unasked(server: Server) -> None:
    message = r"run `bench weights fetch example` \(licence MIT\), or `bench weights import example"
    with pytest.raises(WeightsNotFoundError, match=message):
        resolve_weights(source(server))
    assert not server.ranges


def test_without_a_network_the_message_says_which_files_would_help() -> None:
    gone = RemoteFile("http://127.0.0.1:9/model.bin", "model.bin", "0" * 64)
    offline = WeightsSource("example", "MIT", 1, files=(gone,), accepts="a folder of models")
    message = r"127\.0\.0\.1:9/model\.bin cannot be fetched.*PATH` with a folder of models"
    with pytest.raises(WeightsNotFoundError, match=message):
        fetch_weights(offline, lambda name, n_bytes: None)


def test_a_single_file_is_kept_as_a_file(server: Server, weights: Path) -> None:
    single = replace(source(server), files=(remote(server),))
    fetched = fetch_weights(single, lambda name, n_bytes: None)
    assert fetched.path == weights / "example.bin"
    assert not list(weights.glob(".incoming-*"))


def test_a_file_without_a_known_hash_is_taken_and_its_hash_recorded(
    server: Server, weights: Path
) -> None:
    single = replace(source(server), files=(unpinned(server),))
    fetched = fetch_weights(single, lambda name, n_bytes: None)
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    fetched.path.write_bytes(b"replaced")
    with pytest.raises(WeightsError, match="damaged or were replaced"):
        resolve_weights(single)


def test_a_file_without_a_known_hash_goes_on_where_it_stopped(
    server: Server, tmp_path: Path
) -> None:
    server.break_after = 300_000
    with pytest.raises(DownloadError, match="300000 bytes are here"):
        download(unpinned(server), tmp_path, lambda _: None)
    server.break_after = None
    assert download(unpinned(server), tmp_path, lambda _: None).read_bytes() == CONTENT


def test_without_a_network_the_message_names_every_address(server: Server) -> None:
    gone = RemoteFile("http://127.0.0.1:9/one.bin", "one.bin")
    other = RemoteFile("http://127.0.0.1:9/two.bin", "two.bin")
    offline = WeightsSource("example", "MIT", 1, files=(gone, other), accepts="both files")
    message = r"import example PATH` with both files, to be had from \S+one\.bin, \S+two\.bin"
    with pytest.raises(WeightsNotFoundError, match=message):
        fetch_weights(offline, lambda name, n_bytes: None)
