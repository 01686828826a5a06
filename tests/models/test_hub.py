"""A model from a hub: the real client against a server on loopback that plays the hub."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from calo4pqvae.errors import CheckpointError, MissingExtraError
from calo4pqvae.models.hub import fetch_model, names_a_hub
from calo4pqvae.pretrained import SHIPPED, pretrained_path

COMMIT = "a" * 40
FILES = {
    **{name: pretrained_path() / name for name in ("config.json", "model.safetensors")},
    "large.bin": Path("nowhere"),  # must not be asked for
}


class Hub(BaseHTTPRequestHandler):
    """The calls of `huggingface_hub.snapshot_download` for one repository, `o/m`."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        headers = {}
        if path.startswith("/api/models/o/m/tree/"):
            rows = [{"type": "file", "path": n, "oid": n, "size": 1} for n in FILES]
            body = json.dumps(rows).encode()
        elif path.startswith("/api/models/o/m"):
            rows = [{"rfilename": name} for name in FILES]
            body = json.dumps({"id": "o/m", "sha": COMMIT, "siblings": rows}).encode()
        elif "/resolve/" in path:
            body = FILES[path.rpartition("/")[2]].read_bytes()
            digest = hashlib.sha1(body).hexdigest()
            headers = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            return
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


PROGRAM = """
from pathlib import Path
from calo4pqvae.errors import CheckpointError
from calo4pqvae.models.hub import fetch_model

folder = fetch_model(Path("hf://o/m"))
print(sorted(path.name for path in folder.iterdir()))
try:
    fetch_model("hf://o/gone@v1")
except CheckpointError as error:
    print(error)
"""


def test_the_files_of_a_model_are_fetched_and_no_others(endpoint, tmp_path):
    pytest.importorskip("huggingface_hub")
    env = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",
        "no_proxy": "127.0.0.1",
    }
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, env=env
    )
    listed, error = told.stdout.splitlines()
    assert listed == "['config.json', 'model.safetensors']"
    assert error.startswith("hf://o/gone: could not be fetched (404")


@pytest.mark.parametrize("name", ["hf://m", "hf://o/m/x", "hf://o/m@", "hf://../../etc@x y"])
def test_other_names_are_refused(name):
    with pytest.raises(CheckpointError, match="OWNER/NAME"):
        fetch_model(name)


def test_folders_are_no_names_of_a_hub():
    assert names_a_hub("hf://o/m")
    assert names_a_hub(Path("hf://o/m"))
    assert not names_a_hub("runs/hf")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"calo4pqvae\[hub\]"):
        fetch_model("hf://o/m")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_has_the_header_that_hubs_read(name):
    text = (pretrained_path(name) / "README.md").read_text("utf-8")
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license"] == "apache-2.0"
    assert header["library_name"] == "calo4pqvae"
    assert {"calorimeter", "boltzmann-machine"} <= set(header["tags"])
