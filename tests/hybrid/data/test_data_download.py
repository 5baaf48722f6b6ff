"""Downloading, from a server on this machine."""

import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hybrid.data.download import SOURCES, Source, download
from hybrid.errors import DataError


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; what is called cut.* promises more bytes than it sends."""

    def log_message(self, *args):
        pass

    def end_headers(self):
        self.close_connection = True
        super().end_headers()

    def send_header(self, keyword, value):
        if keyword == "Content-Length" and "cut." in self.path:
            value = str(int(value) + 1000)
        super().send_header(keyword, value)


@pytest.fixture
def served(tmp_path):
    """A folder and the address that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def tar_of(members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def zip_of(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def get(served, tmp_path):
    """A function that serves `data` as an archive and downloads it; `said` on it holds the lines for the user."""
    folder, address = served

    def run(data, file="set.tar.gz", inner="set-1", size=None, sha256=None, **options):
        if data is not None:
            (folder / file).write_bytes(data)
        source = Source("set", f"{address}/{file}", file, inner, size, sha256, "CC0")
        return download(source, tmp_path / "data", show=False, say=run.said.append, **options)

    run.said = []
    return run


CONTENT = {"set-1/yes/a.wav": b"audio" * 100, "set-1/README": b"text"}


@pytest.mark.parametrize(("make", "file"), [(tar_of, "set.tar.gz"), (zip_of, "set.zip")])
def test_a_set_is_fetched_and_unpacked_and_not_fetched_twice(get, tmp_path, make, file):
    folder = get(make(CONTENT), file)
    assert folder == tmp_path / "data" / "set" / "set-1"
    assert (folder / "yes" / "a.wav").read_bytes() == b"audio" * 100
    (tmp_path / "served" / file).unlink()
    assert get(None, file) == folder
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["set", f"{file}.sha256"]


def test_an_unknown_digest_is_recorded_and_held_to_later(get, tmp_path):
    data = tar_of(CONTENT)
    folder = get(data)
    digest = hashlib.sha256(data).hexdigest()
    assert (tmp_path / "data" / "set.tar.gz.sha256").read_text() == f"{digest}  set.tar.gz\n"
    assert any("no digest of set.tar.gz is known beforehand" in line and digest in line for line in get.said)
    folder.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"SHA-256 is .* \(in set.tar.gz.sha256\).* new edition"):
        get(tar_of({"set-1/yes/a.wav": b"other"}))
    assert not folder.exists()
    get(data)


def test_a_known_digest_and_size_are_checked(get, tmp_path):
    data = tar_of(CONTENT)
    with pytest.raises(DataError, match=r"SHA-256 is .* \(published\)"):
        get(data, sha256="0" * 64)
    with pytest.raises(DataError, match=f"{len(data)} bytes instead of 5"):
        get(data, size=5)
    assert list((tmp_path / "data").iterdir()) == []
    get(data, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert not (tmp_path / "data" / "set.tar.gz.sha256").exists()


def test_an_archive_fetched_by_hand_is_used(get, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set.tar.gz").write_bytes(tar_of(CONTENT))
    assert (get(None, keep_archive=True) / "README").read_bytes() == b"text"
    assert (tmp_path / "data" / "set.tar.gz").is_file()


def one_line_error(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_without_network_the_error_says_what_to_do(tmp_path):
    source = Source("set", "http://127.0.0.1:9/set.zip", "set.zip", "", None, None, "CC0")
    with pytest.raises(DataError) as caught:
        download(source, tmp_path / "data", show=False, say=lambda line: None)
    one_line_error(
        caught, "set could not be downloaded from http://127.0.0.1:9/set.zip", "refused", "check the network"
    )
    assert list((tmp_path / "data").iterdir()) == []


def test_a_refusal_and_an_incomplete_answer_are_errors(get, tmp_path):
    with pytest.raises(DataError) as caught:
        get(None, "gone.zip")
    one_line_error(caught, "the server answers 404")
    with pytest.raises(DataError) as caught:
        get(tar_of(CONTENT), "cut.tar.gz")
    one_line_error(caught, "the connection ended after", "try again")
    assert list((tmp_path / "data").iterdir()) == []


# An absolute name in a tar is not among these: tarfile's data filter takes the slash off, which is as safe.
@pytest.mark.parametrize(
    ("make", "file", "name"),
    [
        (tar_of, "set.tar.gz", "../escaped.txt"),
        (tar_of, "set.tar.gz", "set-1/../../escaped.txt"),
        (zip_of, "set.zip", "../escaped.txt"),
        (zip_of, "set.zip", "set-1/../../escaped.txt"),
        (zip_of, "set.zip", "/escaped.txt"),
        (zip_of, "set.zip", "C:\\escaped.txt"),
    ],
)
def test_an_archive_cannot_write_outside_its_folder(get, tmp_path, make, file, name):
    with pytest.raises(DataError, match="unsafe archive"):
        get(make({"set-1/ok": b"x", name: b"escaped"}), file)
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not (tmp_path / "data" / "set").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(get, kind):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        link = tarfile.TarInfo("set-1/link")
        link.type, link.linkname = kind, "/etc"
        tar.addfile(link)
    with pytest.raises(DataError, match="unsafe archive"):
        get(data.getvalue(), "set.tar")


@pytest.mark.parametrize("data", [b"<html>Please log in</html>", tar_of(CONTENT)[:150], zip_of(CONTENT)[:-30]])
def test_what_is_no_whole_archive_is_an_error_and_leaves_nothing_unpacked(get, tmp_path, data):
    with pytest.raises(DataError, match="download it again"):
        get(data)
    assert not (tmp_path / "data" / "set").exists()


def test_only_known_names_and_web_addresses(tmp_path):
    with pytest.raises(DataError, match="no public set 'imagenet': choose one of speech_commands, fsdd, esc50"):
        download("imagenet", tmp_path)
    source = Source("set", "file:///etc/hostname", "set.zip", "", None, None, "")
    with pytest.raises(DataError, match="not a web address"):
        download(source, tmp_path, say=lambda line: None)


def test_every_public_source_is_fetched_securely():
    assert set(SOURCES) == {"speech_commands", "fsdd", "esc50"}
    assert all(source.url.startswith("https://") and source.licence for source in SOURCES.values())
