"""The public functions, as the headers declare and document them."""

import re

import tree

TAGS = ["Thread", "Owns", "Order", "Blocks", "Errors"]
TAG = re.compile(r"^(Thread|Owns|Order|Blocks|Errors):[ \t]*(.*)$",
                 re.MULTILINE)
THREAD = re.compile(r"(setup|owner|any\+signal|any)(?=$|[;, ])")

# A declaration that starts in the first column and has parentheses.
FUNCTION = re.compile(r"^(?!typedef\b|extern \"C\")[A-Za-z_][^;{}#=]*?"
                      r"\b(gyre_\w+)\([^;{}]*[;{]", re.MULTILINE)


class Function:
    def __init__(self, path, line, name, docstring, declaration):
        self.path, self.line, self.name = path, line, name
        self.docstring, self.declaration = docstring, declaration

    def tag(self, name):
        """What the docstring says under a tag, on one line; "" if nothing."""
        found = re.search(rf"^{name}:((?:.|\n(?!\n|\w+:))*)",
                          self.docstring or "", re.MULTILINE)
        return " ".join(found.group(1).split()) if found else ""

    def thread_class(self):
        found = THREAD.match(self.tag("Thread"))
        return found.group(1) if found else None


def headers(root):
    return [path for path in tree.paths(root, ".h")
            if path.startswith("include/gyre/")]


def functions(root):
    """Every public function, header by header, in the order they declare."""
    for path in headers(root):
        text = tree.read(root, path)
        notes = {text.count("\n", 0, end): body
                 for _, end, body in tree.comments(text)}
        # Lines of the preprocessor are no declarations.
        code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                      lambda m: re.sub(r"[^\n]", " ", m.group()),
                      tree.blank(text), flags=re.MULTILINE)
        for match in FUNCTION.finditer(code):
            line = tree.line_of(text, match.start())
            yield Function(path, line, match.group(1), notes.get(line - 2),
                           match.group())
