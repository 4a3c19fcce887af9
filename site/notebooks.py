# SPDX-License-Identifier: Apache-2.0
"""Pages of the notebooks that scripts/notebooks.py ran: their text, code, and what it printed and drew."""

import base64
import json


def text_of(part):
    return part if isinstance(part, str) else "".join(part)


def page(notebook, name):
    """(Markdown, {file name: bytes} of its pictures) of a notebook as JSON; pictures stand beside the page."""
    parts, pictures = [], {}
    for cell in json.loads(notebook)["cells"]:
        source = text_of(cell["source"]).strip("\n")
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
        for output in cell.get("outputs", ()):
            if output["output_type"] == "stream":
                parts.append(f"~~~text\n{text_of(output['text']).rstrip()}\n~~~")
            elif picture := output.get("data", {}).get("image/png"):
                file = f"{name}-{len(pictures) + 1}.png"
                pictures[file] = base64.b64decode(text_of(picture))
                parts.append(f"![{name}, picture {len(pictures)}]({file})")
    return "\n\n".join(parts) + "\n", pictures
