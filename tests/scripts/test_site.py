# SPDX-License-Identifier: Apache-2.0
"""The documentation site: its pages exist, its links lead to pages, and comments keep their words."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "site"))
import cpp_api  # noqa: E402
import notebooks  # noqa: E402
import prose  # noqa: E402
import repository  # noqa: E402


def test_the_navigation_names_every_document_once():
    pages = re.findall(
        r"^ +- (?:[\w' ]+: )?([\w/-]+\.md)$", (ROOT / "site/mkdocs.yml").read_text(), re.MULTILINE
    )
    made = {"api/README.md"}  # hooks.py writes it, and adds the guides and decisions
    for page in set(pages) - made:
        assert (ROOT / repository.file_of(page)).is_file(), page
    documents = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "math").glob("*.md")]
    expected = {repository.page_of(str(path.relative_to(ROOT))) for path in documents}
    expected |= {"index.md", "guides/README.md", "decisions/README.md", *repository.PAPERS, *made}
    assert sorted(pages) == sorted(expected)


def test_links_between_documents_and_to_sources_become_links_of_pages():
    text = "[tour](docs/TOUR.md#part) [new](CHANGELOG.md) [code](src/nn/model.cpp) [far](https://x.org/a.md)"
    assert repository.rewritten(text, "index.md", "README.md") == (
        "[tour](TOUR.md#part) [new](CHANGELOG.md) [code](source/src/nn/model.cpp.md) [far](https://x.org/a.md)"
    )
    below = repository.rewritten("[up](../../README.md)", "guides/text.md", "docs/guides/text.md")
    assert below == "[up](../index.md)"


def test_links_in_code_stay():
    for text in ("`[a](b.md)`", "    [a](b.md)", "```\n[a](b.md)\n```"):
        assert repository.rewritten(text, "index.md", "README.md") == text


def test_every_file_of_a_linked_folder_has_a_page():
    pages = repository.source_pages({"README.md": "[examples](examples/python)"})
    assert "source/examples/python/train.py.md" in pages
    assert "(python/train.py.md)" in pages["source/examples/python.md"]
    assert "lior.set_threads(1)" in pages["source/examples/python/train.py.md"]


def test_comments_keep_their_formulas():
    text = "h_n = a_n *and* |x| < 2^k [B, N] of `a_b`:\n  y = x_1 * x_2\n\nthen"
    assert prose.markdown(text) == (
        "h\\_n = a\\_n *and* |x| &lt; 2^k \\[B, N\\] of `a_b`:\n\n~~~text\ny = x_1 * x_2\n~~~\n\nthen"
    )


def test_a_line_that_says_what_an_argument_is_stays_a_line():
    assert prose.markdown("Product.\nx, y: (8, N) real.\nout: (8, N).") == (
        "Product.  \nx, y: (8, N) real.  \nout: (8, N)."
    )


def test_citations_become_links():
    def link(page, section):
        return f"{page}#{section}" if page == "docs/math/conventions.md" else None

    assert prose.markdown("Source: docs/math/conventions.md, section 4.1.", link) == (
        "Source: [docs/math/conventions.md, section 4.1](docs/math/conventions.md#4.1)."
    )
    assert prose.markdown("See docs/other.md.", link) == "See docs/other.md."


def test_a_notebook_becomes_a_page_with_its_pictures():
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": "1\n"},
                {"output_type": "display_data", "data": {"image/png": "AAEC"}},
            ],
        },
    ]
    text, pictures = notebooks.page(json.dumps({"cells": cells}), "one")
    assert text == (
        "# Title\ntext\n\n```python\nprint(1)\n```\n\n~~~text\n1\n~~~\n\n![one, picture 1](one-1.png)\n"
    )
    assert pictures == {"one-1.png": b"\0\1\2"}


def test_every_module_of_both_languages_has_pages():
    folders = {path.name for path in (ROOT / "include" / "lior").iterdir() if path.is_dir()}
    assert set(repository.modules()) == folders
    package = ROOT / "python" / "lior"
    public = {path.stem for path in package.glob("[a-z]*.py")}
    public |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert public <= set(repository.PYTHON)


def test_statements_are_code_and_sentences_are_not():
    code = 'model = lior.load("run")\nprint("".join(model.generate("a")))'
    assert prose.markdown(f"Text:\n\n{code}\n\nlior.Error is raised.") == (
        f"Text:\n\n~~~text\n{code}\n~~~\n\nlior.Error is raised."
    )


def test_fences_of_documents_open_and_close_on_lines_of_their_own():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for path in documents:
        marks = [line for line in path.read_text().splitlines() if re.match(r"(```|~~~)", line)]
        opening, closing = marks[::2], marks[1::2]
        assert all(re.fullmatch(r"(```|~~~)\w+", line) for line in opening), path
        assert closing == [line[:3] for line in opening], path


def test_comments_of_headers_reach_doxygen_word_by_word():
    header = [
        "#pragma once",
        "/// Of the file, a_b.",
        "",
        "/// x < y,",
        "///   y",
        "int f();",
        "int z;  ///< behind",
    ]
    assert "\n".join(cpp_api.verbatim(header)) == (
        "#pragma once\n/*! \\file\n\\verbatim\nOf the file, a_b.\n\\endverbatim */\n\n"
        "/*!\n\\verbatim\nx < y,\n  y\n\\endverbatim */\nint f();\n"
        "int z;\n/*!< \\verbatim\nbehind\n\\endverbatim */"
    )


def test_types_are_written_as_in_the_sources():
    assert cpp_api.tidy("View< const T, 3 > &") == "View<const T, 3>&"
    assert cpp_api.tidy_type("void(*)(const Task &task, T *x)") == "void(*)(const Task& task, T* x)"
