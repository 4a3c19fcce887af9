# SPDX-License-Identifier: Apache-2.0
"""Which files of the repository are pages of the site, and where their links lead there.

Documents link to each other and to sources by their places in the repository. A document's page is its file
below docs/, or that of the root; a source has a page of its own below source/ as soon as a document names it.
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = "README.md"
PAPERS = ("CHANGELOG.md", "CONTRIBUTING.md", "HACKING.md", "RELEASE.md", "SECURITY.md")

CODE = re.compile(r"(^```(?s:.*?)^``` *$|^ {4}.*$|`[^`]*`)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
LANGUAGES = {
    ".cpp": "cpp",
    ".h": "cpp",
    ".py": "python",
    ".sh": "bash",
    ".toml": "toml",
    ".json": "json",
}
# Modules of the Python package that have a page.
PYTHON = (
    "lior",
    "algebra",
    "geometry",
    "memory",
    "field",
    "nn",
    "train",
    "io",
    "plot",
    "torch",
    "torch.ops",
    "torch.pretrained",
    "jax",
    "typing",
)


def modules():
    """{folder below include/lior: what it holds}, as the map in HACKING.md has them."""
    rows = re.findall(
        r"^\| \d+ \| `(\w+)` \| (.*) \|$", (ROOT / "HACKING.md").read_text(), re.MULTILINE
    )
    return {name: holds for name, holds in rows if (ROOT / "include" / "lior" / name).is_dir()}


def page_of(path):
    """The site's name of the page that a file of the repository makes."""
    if path == HOME:
        return "index.md"
    if path in PAPERS:
        return path
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md"


def file_of(page):
    """The file of the repository that a page was made from, the inverse of page_of."""
    if page == "index.md":
        return HOME
    return page if page in PAPERS else f"docs/{page}"


def outside_of_code(markdown, change):
    """The document with `change` made to all of it that is no code."""
    parts = CODE.split(markdown)
    return "".join(part if at % 2 else change(part) for at, part in enumerate(parts))


def target_of(path, link):
    """The file of the repository that a link of the file `path` leads to; None where it leaves it."""
    if "://" in link or link.startswith("mailto:"):
        return None
    return os.path.normpath(os.path.join(os.path.dirname(path), link))


def rewritten(markdown, page, path):
    """The document with its links as the page has them."""

    def link(match):
        target = target_of(path, match[1])
        if target is None:
            return match[0]
        to = os.path.relpath(page_of(target), os.path.dirname(page))
        return f"]({to}{match[2] or ''})"

    return outside_of_code(markdown, lambda text: LINK.sub(link, text))


def linked_sources(documents):
    """The files and folders outside of the documents that these link to; documents: {path: text}."""
    found = set()

    def collect(path, text):
        for match in LINK.finditer(text):
            target = target_of(path, match[1])
            if target and page_of(target).startswith("source/"):
                found.add(target)
        return text

    for path, markdown in documents.items():
        outside_of_code(markdown, lambda text, path=path: collect(path, text))
    return found


def files_below(folder):
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def source_pages(documents):
    """{page: text} of all sources that documents link to; a folder's page lists its files."""
    pages = {}
    for target in sorted(linked_sources(documents)):
        if (ROOT / target).is_dir():
            files = files_below(target)
            pages[page_of(target)] = folder_page(target, files)
            pages |= {page_of(file): source_page(file) for file in files}
        else:
            pages[page_of(target)] = source_page(target)
    return pages


UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n"


def folder_page(folder, files):
    here = os.path.dirname(page_of(folder))
    rows = [
        f"- [{file.removeprefix(folder + '/')}]({os.path.relpath(page_of(file), here)})"
        for file in files
    ]
    return f"{UNSEARCHED}# {folder}\n\n" + "\n".join(rows) + "\n"


def source_page(file):
    text = (ROOT / file).read_text().rstrip("\n")
    language = LANGUAGES.get(Path(file).suffix, "text")
    return f'{UNSEARCHED}# {file}\n\n````{language} linenums="1"\n{text}\n````\n'
