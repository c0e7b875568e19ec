"""Pages in a real browser: a server of a folder, Chromium, and the page's modules called from a test."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")

# What a browser asks of modules and WebAssembly, whatever this machine's tables say.
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | TYPES

    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """Yield the address of a folder's files."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def chromium():
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def within_the_contract(frames, expected):
    """Whether frames are what the renderer draws, by DESIGN.md: 0.5 grey levels in the mean, 99.9 % within 3."""
    difference = np.abs(frames.astype(int) - expected.astype(int))
    return difference.mean() <= 0.5 and (difference <= 3).mean() >= 0.999
