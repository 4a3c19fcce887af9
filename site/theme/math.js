// SPDX-License-Identifier: Apache-2.0
// Formulas: pymdownx.arithmatex leaves \(...\) and \[...\], KaTeX draws them.
document$.subscribe(() => {
  for (const element of document.querySelectorAll(".arithmatex")) {
    const text = element.textContent.trim();
    katex.render(text.slice(2, -2), element, {
      displayMode: text.startsWith("\\["),
      throwOnError: false,
    });
  }
});
