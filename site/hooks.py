# SPDX-License-Identifier: Apache-2.0
"""What the site has beside docs/: the papers of the root, sources that pages link to, both APIs, notebooks, KaTeX.

Events of MkDocs, in the order in which they come.
"""

import os
import re
import sys
from pathlib import Path

from markdown.extensions.toc import slugify
from mkdocs.structure.files import File, InclusionLevel

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cpp_api  # noqa: E402
import notebooks  # noqa: E402
import prose  # noqa: E402
import repository  # noqa: E402

ROOT = repository.ROOT
THEME = ROOT / "site" / "theme"
KATEX = Path("/usr/share/javascript/katex")  # Debian's libjs-katex and fonts-katex
CONVENTIONS = "docs/math/conventions.md"
KATEX_FILES = ("katex.min.css", "katex.min.js")
GENERATED = ("api/", "notebooks/", "source/")  # pages that no document of the repository makes


def ran():
    """The notebooks that scripts/notebooks.py has run."""
    found = sorted((ROOT / "build" / "notebooks").glob("*.ipynb"))
    if len(found) != len(list((ROOT / "examples" / "python").glob("*.py"))):
        raise SystemExit("site: build/notebooks lacks notebooks; run scripts/notebooks.py")
    return found


def on_config(config):
    headers = sorted(path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.h"))
    for entry in config.nav:
        if entry.get("Decisions"):
            decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
            entry["Decisions"] = [
                "decisions/README.md",
                *(f"decisions/{path.name}" for path in decisions),
            ]
        if entry.get("Guides"):
            index = (ROOT / "docs" / "guides" / "README.md").read_text()  # their order
            guides = re.findall(r"^\| \[.*?\]\(([\w-]+\.md)\)", index, re.MULTILINE)
            entry["Guides"] = ["guides/README.md", *(f"guides/{name}" for name in guides)]
            entry["Guides"].append({"Notebooks": [f"notebooks/{path.stem}.md" for path in ran()]})
        if entry.get("API"):
            entry["API"] = [
                "api/README.md",
                {
                    "Python": [
                        {title_of(name): f"api/python/{name}.md"} for name in repository.PYTHON
                    ]
                },
                *(
                    {
                        f"C++: {name}": [
                            {path.stem: f"api/{path}.md"}
                            for path in headers
                            if path.parts[1] == name
                        ]
                    }
                    for name in repository.modules()
                ),
            ]
    return config


def title_of(name):
    return name if name == "lior" else f"lior.{name}"


def on_files(files, config):
    def add(page, text=None, source=None):
        file = (
            File.generated(config, page, content=text)
            if source is None
            else File.generated(config, page, abs_src_path=str(source))
        )
        if page.startswith("source/"):
            file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)

    add("index.md", source=ROOT / repository.HOME)
    for paper in repository.PAPERS:
        add(paper, source=ROOT / paper)
    documents = documents_of(files)
    for page, text in repository.source_pages(documents).items():
        add(page, text)
    for page, text in api_pages(documents).items():
        add(page, text)
    for path in ran():
        text, pictures = notebooks.page(path.read_text(), path.stem)
        add(f"notebooks/{path.stem}.md", text)
        for name, picture in pictures.items():
            add(f"notebooks/{name}", picture)
    for name in KATEX_FILES:
        add(f"assets/katex/{name}", source=KATEX / name)
    for font in sorted((KATEX / "fonts").glob("*.woff2")):
        add(f"assets/katex/fonts/{font.name}", source=font)
    add("assets/katex/LICENSE.txt", source="/usr/share/doc/libjs-katex/copyright")
    for path in sorted(THEME.iterdir()):
        add(f"assets/{path.name}", source=path)
    return files


def documents_of(files):
    """{path in the repository: text} of what people wrote."""
    return {
        repository.file_of(file.src_uri): file.content_string
        for file in files.documentation_pages()
        if not file.src_uri.startswith(GENERATED)
    }


def anchors_of(markdown):
    """{"4.1": "41-the-step"}: the anchors of numbered sections, as Markdown's toc makes them."""
    headings = re.findall(r"^#+ ((\d+(?:\.\d+)?)\.? .*)$", markdown, re.MULTILINE)
    return {number: slugify(title, "-") for title, number in headings}


def linker(page, documents):
    """A function that gives the page's link to a document, or to a section of the conventions; or None."""
    anchors = anchors_of(documents[CONVENTIONS])

    def link(document, section):
        if document not in documents:
            return None
        to = os.path.relpath(repository.page_of(document), os.path.dirname(page))
        return f"{to}#{anchors[section]}" if section in anchors and document == CONVENTIONS else to

    return link


def api_pages(documents):
    found = cpp_api.Headers(ROOT / "build" / "site-work" / "doxygen")
    pages = {}
    for header in found.files:
        page = f"api/{header}.md"
        pages[page] = found.page(header, linker(page, documents))
    for name in repository.PYTHON:
        pages[f"api/python/{name}.md"] = f"# {title_of(name)}\n\n::: {title_of(name)}\n"
    pages["api/README.md"] = index_of_api(sorted(found.files))
    return pages


def index_of_api(headers):
    rows = [
        "# API",
        "From the sources, as they stand: Python's docstrings, and the public headers of C++.",
        "## Python",
        "",
    ]
    rows.append(
        ", ".join(f"[{title_of(name)}](python/{name}.md)" for name in repository.PYTHON) + "."
    )
    rows += ["## C++", "| module | holds | headers |\n|---|---|---|"]
    table = []
    for module, holds in repository.modules().items():
        own = [header for header in headers if header.startswith(f"lior/{module}/")]
        table.append(
            f"| {module} | {holds} | " + ", ".join(f"[{Path(h).stem}]({h}.md)" for h in own) + " |"
        )
    rows[-1] += "\n" + "\n".join(table)
    return "\n\n".join(rows) + "\n"


def on_page_content(html, page, config, files):
    """Links from docstrings to the documents that they cite."""
    if not page.file.src_uri.startswith("api/python/"):
        return html
    documents = documents_of(files)
    link = linker(page.file.src_uri, documents)

    def cited(match):
        target = link(match[1] or match[0], match[2])
        return f'<a href="{target.replace(".md", ".html")}">{match[0]}</a>' if target else match[0]

    return re.sub(prose.CITED, cited, html)


def on_page_markdown(markdown, page, config, files):
    uri = page.file.src_uri
    if page.parent is None and not uri.startswith("source/"):
        page.meta["hide"] = ["navigation"]  # it would be the page alone
    if uri.startswith(GENERATED):
        return markdown
    return repository.rewritten(markdown, uri, repository.file_of(uri))
