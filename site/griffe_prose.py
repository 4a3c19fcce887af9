# SPDX-License-Identifier: Apache-2.0
"""What docstrings are to mkdocstrings: plain text with formulas (prose.markdown), and some stand elsewhere.

Of an attribute it is the comment `#: ...` before or behind it, or what is assigned to its `__doc__`. A named tuple's
fields are a list in its own text.
"""

import re
import sys
from pathlib import Path

import griffe

sys.path.insert(0, str(Path(__file__).resolve().parent))
import prose  # noqa: E402

BEHIND = re.compile(r"\S.*#: (.*)$")
BEFORE = re.compile(r"^\s*#: (.*)$")


def comment_of(attribute):
    """The `#:` comment of an attribute in its source."""
    lines = attribute.filepath.read_text().splitlines()
    at = attribute.lineno - 1
    if match := BEHIND.search(lines[at]):
        return match[1]
    found = []
    while at > 0 and (match := BEFORE.match(lines[at - 1])):
        found.insert(0, match[1])
        at -= 1
    return "\n".join(found)


def give(obj, text):
    obj.docstring = griffe.Docstring(text, parent=obj)


def is_named_tuple(obj):
    return obj.is_class and any(str(base).endswith("NamedTuple") for base in obj.bases)


def field_row(field):
    comment = comment_of(field)
    return f"- `{field.name}`" + (f": {prose.escaped(comment)}" if comment else "")


class Prose(griffe.Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring and not obj.is_alias:
            obj.docstring.value = prose.markdown(obj.docstring.value)

    def on_attribute_instance(self, *, attr, **_):
        if (
            not attr.docstring
            and attr.lineno
            and not is_named_tuple(attr.parent)
            and (comment := comment_of(attr))
        ):
            give(attr, prose.markdown(comment))

    def on_class_members(self, *, cls, **_):
        if is_named_tuple(cls):
            rows = [field_row(member) for member in cls.members.values() if member.is_attribute]
            give(cls, (cls.docstring.value if cls.docstring else "") + "\n\n" + "\n".join(rows))

    def on_module_members(self, *, mod, **_):
        if mod.is_init_module or mod.filepath.suffix == ".py":
            for name, text in re.findall(
                r'^(\w+)\.__doc__ = """(.*?)"""', mod.filepath.read_text(), re.MULTILINE | re.DOTALL
            ):
                give(mod.members[name], prose.markdown(text))
