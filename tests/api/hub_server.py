"""A small server with those answers of the Hugging Face Hub that uploads and downloads of models need; repositories are folders."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHA = "1" * 40


class Hub(ThreadingHTTPServer):
    """Serve ``root``; ``url`` is its address. Use it in ``with``."""

    def __init__(self, root: Path):
        super().__init__(("127.0.0.1", 0), Answer)
        self.root, self.private = root, {}
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        """Quiet."""

    def do_POST(self):
        body = self._body()
        if self.headers.get("Authorization") != "Bearer hf_good":
            return self._json({"error": "Invalid username or password."}, 401)
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            (self.server.root / name).mkdir(parents=True, exist_ok=True)
            return self._json({"url": f"{self.server.url}/{name}", "name": name})
        if parts == ["api", "validate-yaml"]:
            return self._json({"errors": [], "warnings": []})
        if parts[4] == "preupload":
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        name = "/".join(parts[2:4])
        for line in body.decode().splitlines():
            one = json.loads(line)
            if one["key"] == "file":
                (self.server.root / name / one["value"]["path"]).write_bytes(base64.b64decode(one["value"]["content"]))
        return self._json({"commitUrl": f"{self.server.url}/{name}/commit/{SHA}", "commitOid": SHA, "success": True})

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def _answer(self, *, body):
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "api":
            name = "/".join(parts[2:4])
            folder = self.server.root / name
            if not folder.is_dir():
                return self._json({"error": "Repository not found"}, 404, **{"X-Error-Code": "RepoNotFound"})
            if parts[4:5] == ["tree"]:
                listed = [
                    {
                        "type": "file",
                        "path": path.name,
                        "size": path.stat().st_size,
                        "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                    }
                    for path in sorted(folder.iterdir())
                ]
                return self._json(listed)
            files = [{"rfilename": path.name} for path in sorted(folder.iterdir())]
            return self._json(
                {
                    "id": name,
                    "modelId": name,
                    "sha": SHA,
                    "siblings": files,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                }
            )
        file = self.server.root / "/".join(parts[:2]) / parts[-1]
        if not file.is_file():
            return self._json({"error": "Entry not found"}, 404, **{"X-Error-Code": "EntryNotFound"})
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", SHA)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)
        return None

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            found = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, content, status=200, **headers):
        text = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
