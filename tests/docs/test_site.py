"""The documentation's site builds without a complaint, and no link in it leads nowhere."""

import importlib.util
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md"))


class Links(HTMLParser):
    """What a page points to, and what in it may be pointed at."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.anchors = set(), {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def build(folder):
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the site is built from."""
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed: make docs, or pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for name in ("drivesim", "datasets", "agents"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def site(checkout):
    ran = build(checkout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    folder = checkout / "build" / "docs"
    return {path.relative_to(folder): Links(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def dead_links(site, folder):
    """Links of the pages in `folder` that lead to no file, to no anchor, or out of the site by a relative path."""
    dead = []
    for page, links in site.items():
        for target in links.targets:
            parts = urlsplit(target)
            # The page of what is not found may be shown anywhere, and so names its files from the root.
            if parts.scheme or parts.netloc or parts.path.startswith("/") or page.name == "404.html":
                continue
            path = (folder / page.parent / unquote(parts.path)).resolve() if parts.path else folder / page
            path = path / "index.html" if path.is_dir() else path
            if not path.is_file() or not path.is_relative_to(folder.resolve()):
                dead.append(f"{page}: {target}")
            elif path.suffix == ".html":
                found = site[path.relative_to(folder.resolve())]
                if unquote(parts.fragment) not in found.anchors:
                    dead.append(f"{page}: {target} (no such anchor)")
    return dead


def test_every_page_is_built_and_no_link_leads_nowhere(site, checkout):
    names = {path.relative_to(ROOT / "docs").with_suffix("") for path in PAGES}
    built = {name if name.name == "index" else name / "index" for name in names}
    assert {path.with_suffix("") for path in site} >= built
    assert not dead_links(site, checkout / "build" / "docs")


def test_every_page_is_in_the_navigation():
    named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(named) == sorted(path.relative_to(ROOT / "docs").as_posix() for path in PAGES)


def test_the_site_is_shown_without_a_network(site):
    """No style, script, font or picture is taken from elsewhere."""
    for page, links in site.items():
        taken = [t for t in links.targets if t.startswith(("http", "//")) and re.search(r"\.(css|js|woff2?|png)\b", t)]
        assert not taken, f"{page}: {taken}"


@pytest.mark.parametrize(
    ("page", "stops"),
    [
        ("[there](metrics.md)", False),
        ("[nowhere](nowhere.md)", True),
        ("[nowhere](metrics.md#nowhere)", True),
        ("::: drivesim.errors.Nowhere", True),
    ],
)
def test_a_page_that_points_nowhere_stops_the_build(checkout, tmp_path, page, stops):
    (tmp_path / "docs").mkdir()
    shutil.copy(checkout / "docs" / "metrics.md", tmp_path / "docs")
    (tmp_path / "docs" / "index.md").write_text(f"# Small\n\n{page}\n", encoding="utf-8")
    (tmp_path / "docs" / "stress.md").write_text("# Stress\n", encoding="utf-8")
    shutil.copytree(checkout / "docs" / "examples", tmp_path / "docs" / "examples")
    (tmp_path / "drivesim").symlink_to(ROOT / "drivesim")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[0]
    (tmp_path / "mkdocs.yml").write_text(settings, encoding="utf-8")
    assert (build(tmp_path).returncode != 0) is stops


def test_a_link_out_of_the_site_is_noticed(site, checkout):
    spoilt = {**site, Path("index.html"): Links('<a href="../benchmarks/results/stress.json">figures</a>')}
    (dead,) = dead_links(spoilt, checkout / "build" / "docs")
    assert dead == "index.html: ../benchmarks/results/stress.json"
