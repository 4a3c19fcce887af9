#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens every page of the built site in headless Chromium, and fails where something is wrong with one.

Wrong is: an error in the console, a file that does not load, a request to another machine, a formula that KaTeX does
not read, a page that is wider than its window on a desktop or a phone.
Needs Debian's chromium, and playwright (1.65.2) in build/site-venv.

Usage: build/site-venv/bin/python site/look.py [--shots FOLDER] [PAGE ...]
  PAGE      below build/site, such as math/conventions.html; by default all
  --shots   writes pictures: light and dark, desktop and phone
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parents[1] / "build" / "site"
WINDOWS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
LOOK = """() => ({
  wrong: [...document.querySelectorAll('.katex-error')].map(e => e.textContent.slice(0, 80)),
  plain: [...document.querySelectorAll('.arithmatex')].filter(e => !e.querySelector('.katex')).length,
  wide: document.documentElement.scrollWidth - window.innerWidth,
})"""


def faults_of(page, path):
    """What is wrong with one page in this window."""
    said = []
    listeners = {
        "console": lambda message: said.append(message.text) if message.type == "error" else None,
        "pageerror": lambda error: said.append(str(error)),
        "requestfailed": lambda request: (
            # An icon that is still on its way when the next page opens is given up.
            None
            if request.failure == "net::ERR_ABORTED"
            else said.append(f"does not load: {request.url}")
        ),
        "request": lambda request: (
            None
            if request.url.startswith(("file:", "data:", "blob:"))
            else said.append(f"asks for {request.url}")
        ),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(path.as_uri())
    found = page.evaluate(LOOK)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    said += [f"formula: {text}" for text in found["wrong"]]
    if found["plain"]:
        said.append(f"{found['plain']} formulas are not drawn")
    if found["wide"] > 0:
        said.append(f"{found['wide']} pixels wider than the window")
    return said


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shots", type=Path)
    parser.add_argument("pages", nargs="*")
    arguments = parser.parse_args()
    paths = [SITE / page for page in arguments.pages] or sorted(SITE.rglob("*.html"))
    paths = [
        path for path in paths if path.name != "404.html"
    ]  # its links are those of a server's root
    wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for window, size in WINDOWS.items():
            for scheme in ("light", "dark") if arguments.shots else ("light",):
                page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
                for path in paths:
                    name = path.relative_to(SITE)
                    for fault in faults_of(page, path):
                        wrong += 1
                        print(f"{name}, {window}, {scheme}: {fault}")
                    if arguments.shots:
                        arguments.shots.mkdir(parents=True, exist_ok=True)
                        shot = (
                            f"{str(name.with_suffix('')).replace('/', '-')}-{window}-{scheme}.png"
                        )
                        page.screenshot(path=arguments.shots / shot, full_page=True)
        browser.close()
    print(f"site: {len(paths)} pages, {wrong} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
