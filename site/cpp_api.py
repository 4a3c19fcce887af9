# SPDX-License-Identifier: Apache-2.0
"""The pages of the C++ API: one a public header, in the header's order.

Doxygen reads declarations and comments; what stands here is only how they look. Its own Markdown would read
formulas in comments as markup, so it is given copies of the headers whose comments are verbatim texts, and
prose.markdown writes them.
"""

import re
import shutil
import subprocess
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import prose

INCLUDE = Path(__file__).resolve().parents[1] / "include"
OPTIONS = """
INPUT = {work}/include
RECURSIVE = YES
FILE_PATTERNS = *.h
STRIP_FROM_PATH = {work}/include
OUTPUT_DIRECTORY = {work}
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
EXTRACT_ALL = YES
EXCLUDE_SYMBOLS = *detail *detail::*
SORT_MEMBER_DOCS = NO
QUIET = YES
WARNINGS = NO
"""
SHOWN = (
    "public-type",
    "public-attrib",
    "public-static-attrib",
    "public-func",
    "public-static-func",
    "friend",
)
WIDTH = 86

COMMENT = re.compile(r"^\s*///(?!<) ?(.*)$")
BEHIND = re.compile(r"^(.*\S)?\s+///< ?(.*)$")
MORE_BEHIND = re.compile(r"^()\s*///< ?(.*)$")


def verbatim(lines):
    """The lines of a header, its /// comments as verbatim texts; the first one is the file's."""
    out, at, first = [], 0, True
    while at < len(lines):
        if match := COMMENT.match(lines[at]):
            text = []
            while at < len(lines) and (match := COMMENT.match(lines[at])):
                text.append(match[1])
                at += 1
            out += ["/*! \\file" if first else "/*!", "\\verbatim", *text, "\\endverbatim */"]
            first = False
        elif match := BEHIND.match(lines[at]):
            out.append(match[1] or "")
            text = []
            while match:
                text.append(match[2])
                at += 1
                match = MORE_BEHIND.match(lines[at]) if at < len(lines) else None
            out += ["/*!< \\verbatim", *text, "\\endverbatim */"]
        else:
            out.append(lines[at].replace("explicit(false) ", ""))  # Doxygen reads it as a function
            at += 1
    return out


def text_of(element):
    return "".join(element.itertext()) if element is not None else ""


def comment_of(element):
    """What the source says on it: the filter made every comment a verbatim text."""
    found = [
        text_of(part)
        for name in ("briefdescription", "detaileddescription", "inbodydescription")
        for part in element.findall(f"{name}//verbatim")
    ]
    return "\n\n".join(part.strip("\n") for part in found if part.strip())


def template_of(element):
    """template <...>, on a line of its own."""
    parameters = element.find("templateparamlist")
    if parameters is None:
        return ""
    words = []
    for parameter in parameters.findall("param"):
        word = text_of(parameter.find("type"))
        name = text_of(parameter.find("declname"))
        if name and not word.endswith(name):
            word += f" {name}"
        if default := text_of(parameter.find("defval")):
            word += f" = {default}"
        words.append(word)
    requires = text_of(element.find("requiresclause"))
    return f"template <{', '.join(words)}>\n" + (
        f"requires {requires.strip()}\n" if requires else ""
    )


def tidy(text):
    """Types as the sources write them: View<const T, 3>&, not View< const T, 3 > &."""
    text = re.sub(r"<\s+", "<", text)
    while re.search(r"\s+>", text):
        text = re.sub(r"\s+>", ">", text)
    return (
        re.sub(r"\s+([&*]+)", r"\1", text)
        .replace("operator>", " operator>")
        .replace("  operator", " operator")
    )


def tidy_type(text):
    """Types with the names of what they are of: Arena& workspace, not Arena &workspace."""
    return re.sub(r"([&*])([A-Za-z_])", r"\1 \2", tidy(text)).replace("(* ", " (*")


def function_text(member):
    head = tidy(text_of(member.find("type")))
    if member.get("static") == "yes" and "static" not in head:
        head = f"static {head}"
    if member.get("virt") in ("virtual", "pure-virtual") and "virtual" not in head:
        head = f"virtual {head}"
    if member.get("explicit") == "yes" and "explicit" not in head:
        head = f"explicit {head}".rstrip()
    head = f"{head} {text_of(member.find('name'))}".strip()
    arguments = text_of(member.find("argsstring"))
    tail = tidy(arguments[arguments.rfind(")") :]).replace("=", " = ").replace("  ", " ")
    words = []
    for parameter in member.findall("param"):
        word = tidy(text_of(parameter.find("type")))
        if name := text_of(parameter.find("declname")):
            word += f" {name}" + text_of(parameter.find("array"))
        if default := text_of(parameter.find("defval")):
            word += f" = {tidy(default)}"
        words.append(word)
    line = f"{head}({', '.join(words)}{tail};"
    if len(line) > WIDTH:
        line = f"{head}(\n    " + ",\n    ".join(words) + f"{tail};"
    return template_of(member) + line


def enum_text(member):
    strong = "enum class" if member.get("strong") == "yes" else "enum"
    values = []
    for value in member.findall("enumvalue"):
        word = f"{text_of(value.find('name'))} {text_of(value.find('initializer'))}".strip()
        comment = " ".join(comment_of(value).split())
        values.append((f"{word},", comment))
    head = f"{strong} {text_of(member.find('name'))}"
    words = " ".join(word for word, _ in values).rstrip(",")
    if any(comment for _, comment in values):
        return f"{head} {{\n{aligned(values)}\n}};"
    if len(head) + len(words) < WIDTH - 8:
        return f"{head} {{ {words} }};"
    lines = textwrap.wrap(words, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return "\n".join([f"{head} {{", *lines, "};"])


def aligned(rows):
    """Declarations, with their comments behind them where there is room, and before them where there is not."""
    column = min(44, max((len(word) for word, comment in rows if comment), default=0))
    lines = []
    for word, comment in rows:
        behind = f"  {word:<{column}}  // {comment}"
        if not comment:
            lines.append(f"  {word}")
        elif len(behind) <= WIDTH and "\n" not in word:
            lines.append(behind)
        else:
            lines += textwrap.wrap(
                comment, WIDTH, initial_indent="  // ", subsequent_indent="  // "
            )
            lines.append(f"  {word}")
    return "\n".join(lines)


def variable_text(member):
    head, arguments = (
        tidy_type(text_of(member.find("type"))),
        tidy_type(text_of(member.find("argsstring"))),
    )
    declaration = (
        f"{head}{'' if head.endswith('(*') else ' '}{text_of(member.find('name'))}{arguments}"
    )
    initial = text_of(member.find("initializer"))
    if len(initial) > 60 or "\n" in initial:
        initial = ""
    space = "" if initial.startswith("{") else " "
    return template_of(member) + f"{declaration}{space}{initial}".strip() + ";"


def member_text(member):
    kind = member.get("kind")
    if kind in ("function", "friend"):
        return function_text(member)
    if kind == "enum":
        return enum_text(member)
    if kind == "variable":
        return variable_text(member)
    if kind == "define":
        names = ", ".join(text_of(p.find("defname")) for p in member.findall("param"))
        return f"#define {text_of(member.find('name'))}" + (f"({names})" if names else "")
    if kind == "typedef":
        kind = tidy_type(text_of(member.find("type"))).removeprefix("typedef ")
        return f"{template_of(member)}using {text_of(member.find('name'))} = {kind};"
    return text_of(member.find("definition"))


def section(level, name, code, comment, link):
    parts = [f"{'#' * level} {prose.escaped(name)}", f"```cpp\n{code}\n```"]
    if comment:
        parts.append(prose.markdown(comment, link))
    return "\n\n".join(parts)


def class_parts(compound, name, link):
    """A class: what it is, the members that need no words of their own in one block, then the others."""
    plain, told = [], []
    for part in compound.findall("sectiondef"):
        if part.get("kind") not in SHOWN:
            continue
        for member in part.findall("memberdef"):
            text, comment = member_text(member), comment_of(member)
            if "~" in text_of(member.find("name")) or "= delete" in text:
                continue
            if member.get("kind") == "function" and len(" ".join(comment.split())) > 60:
                told.append((line_of(member), member, text, comment))
            else:
                plain.append((line_of(member), text, " ".join(comment.split())))
    plain.sort(key=lambda row: row[0])
    told.sort(key=lambda row: row[0])
    bases = ", ".join(
        f"{b.get('prot')} {tidy(text_of(b))}" for b in compound.findall("basecompoundref")
    )
    head = (
        template_of(compound) + f"{compound.get('kind')} {name}" + (f" : {bases}" if bases else "")
    )
    body = aligned([(text.replace("\n", "\n  "), comment) for _, text, comment in plain])
    yield section(
        2, name, f"{head} {{\n{body}\n}};" if body else f"{head};", comment_of(compound), link
    )
    for _, member, text, comment in told:
        yield section(3, f"{name}::{text_of(member.find('name'))}", text, comment, link)


def line_of(element):
    return int(element.find("location").get("line"))


def file_of(element):
    """lior/nn/layer.h"""
    return element.find("location").get("file").rpartition("include/")[2]


def short_name(compound):
    return tidy(text_of(compound.find("compoundname"))).rpartition("::")[2]


class Headers:
    """What Doxygen found, by header."""

    def __init__(self, work):
        shutil.rmtree(work, ignore_errors=True)
        for path in sorted(INCLUDE.rglob("*.h")):
            copy = work / "include" / path.relative_to(INCLUDE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("\n".join(verbatim(path.read_text().splitlines())) + "\n")
        subprocess.run(["doxygen", "-"], input=OPTIONS.format(work=work), text=True, check=True)
        self.files, self.entities, self.seen = {}, {}, set()
        compounds = [
            compound
            for path in sorted((work / "xml").glob("*.xml"))
            for compound in ElementTree.parse(path).getroot().findall("compounddef")
        ]
        for compound in sorted(compounds, key=lambda one: one.get("kind") == "file"):
            self.read(compound)  # members by their namespaces before the same by their files

    def read(self, compound):
        kind = compound.get("kind")
        if kind == "file":
            self.files[file_of(compound)] = comment_of(compound)
        if kind in ("struct", "class", "union"):
            if "<" not in short_name(compound) and compound.get("prot") != "private":
                self.add(compound, lambda link: class_parts(compound, short_name(compound), link))
        elif kind == "concept":
            code = tidy(text_of(compound.find("initializer"))).strip()
            code = re.sub(r"concept [\w:]*::(\w+) = +", r"concept \1 = ", code) + ";"
            self.add(
                compound,
                lambda link: [section(2, short_name(compound), code, comment_of(compound), link)],
            )
        elif kind in ("namespace", "file"):
            inner = (
                text_of(compound.find("compoundname")).split("::")[2:]
                if kind == "namespace"
                else []
            )
            for member in compound.findall("sectiondef/memberdef"):
                self.read_member(member, "".join(f"{part}::" for part in inner))

    def read_member(self, member, inner):
        name = text_of(member.find("name"))
        if member.get("id") in self.seen or name.startswith("@") or name == "enum_names":
            return
        self.seen.add(member.get("id"))
        title = inner + name
        self.add(
            member, lambda link: [section(2, title, member_text(member), comment_of(member), link)]
        )

    def add(self, element, parts):
        self.entities.setdefault(file_of(element), []).append((line_of(element), parts))

    def page(self, header, link):
        parts = [
            f"# {header}",
            f'```cpp\n#include "{header}"\n```',
            prose.markdown(self.files[header], link),
        ]
        entities = sorted(self.entities.get(header, []), key=lambda entity: entity[0])
        for _, make in entities:
            parts += make(link)
        return "\n\n".join(part for part in parts if part) + "\n"
