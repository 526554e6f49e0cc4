"""Makes the contract reference, docs/contract.md, from the proto and its comments.

`contract.py` prints the page. Every sentence about a service, method, message or field is the proto's own comment; this program
adds headings, tables and links between them.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTO = "playlist/v1/playlist.proto"
WELL_KNOWN = "https://protobuf.dev/reference/protobuf/google.protobuf/#"

HEAD = f"""# The contract

<!-- Made from proto/{PROTO} by .ci/docs/contract.py; edit the comments there. -->

This is [`{PROTO}`](../proto/{PROTO}), the package `%s`, as a page. Each text is the comment in that file.
Where a field is not set, its value is empty, 0 or false, as usual in proto3. JSON over HTTP has the same names, see [REST](rest.md).
"""

Field = descriptor_pb2.FieldDescriptorProto
# The numbers by which source locations name what they are of, see descriptor.proto.
MESSAGES, ENUMS, SERVICES, PACKAGE_COMMENT = 4, 5, 6, 12
FIELDS, VALUES, METHODS = 2, 2, 2


def described() -> descriptor_pb2.FileDescriptorProto:
    """The contract with its comments."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors"
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"),
                *("--include_source_info", f"--descriptor_set_out={output}", PROTO),
            ],
            check=True,
        )
        (file,) = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
    return file


class Reference:
    """The page of one proto file."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto):
        self._file = file
        self._comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
        self._fields = {message.name: {field.name for field in message.field} for message in file.message_type}
        self._methods = {method.name for service in file.service for method in service.method}
        self._enum_of = {value.name: enum.name for enum in file.enum_type for value in enum.value}

    def page(self) -> str:
        """All of it, as Markdown."""
        parts = [HEAD % self._file.package, self._comment(PACKAGE_COMMENT)]
        for number, service in enumerate(self._file.service):
            parts += self._service(number, service)
        parts.append("## Messages")
        for number, message in enumerate(self._file.message_type):
            parts += self._message(number, message)
        parts.append("## Enums")
        for number, enum in enumerate(self._file.enum_type):
            parts += self._enum(number, enum)
        return "\n\n".join(part.strip("\n") for part in parts) + "\n"

    def _service(self, number: int, service) -> list[str]:
        parts = [f"## {service.name}", self._comment(SERVICES, number)]
        parts.append(f"Its full name is `{self._file.package}.{service.name}`.")
        for at, method in enumerate(service.method):
            stream = "a stream of " if method.server_streaming else ""
            asked, answered = link(method.input_type), link(method.output_type)
            parts += [f"### {method.name}", f"{asked} → {stream}{answered}", self._comment(SERVICES, number, METHODS, at)]
        return parts

    def _message(self, number: int, message) -> list[str]:
        parts = [f"### {message.name}", self._comment(MESSAGES, number)]
        rows = [
            (f"`{field.name}`", kind(field), str(field.number), self._cell(MESSAGES, number, FIELDS, at))
            for at, field in enumerate(message.field)
        ]
        return [*parts, table(("field", "type", "number", "meaning"), rows) if rows else "It has no fields."]

    def _enum(self, number: int, enum) -> list[str]:
        rows = [(f"`{value.name}`", str(value.number), self._cell(ENUMS, number, VALUES, at)) for at, value in enumerate(enum.value)]
        return [f"### {enum.name}", self._comment(ENUMS, number), table(("value", "number", "meaning"), rows)]

    def _comment(self, *path: int) -> str:
        """The comment of what is at this path, with links to what it names."""
        text = "\n".join(line.removeprefix(" ") for line in self._comments.get(path, "").splitlines()).strip()
        if not text:
            raise SystemExit(f"{PROTO} has something without a comment: source path {path}; write one")
        # A list needs an empty line before it.
        text = re.sub(r"(?m)^(?!- )(.+)\n- ", r"\1\n\n- ", text)
        return self._linked(text)

    def _cell(self, *path: int) -> str:
        """The comment as one line of a table."""
        return re.sub(r"\s+", " ", self._comment(*path)).replace("|", r"\|")

    def _linked(self, text: str) -> str:
        text = re.sub(r"`([^`]+)`", self._link_code, text)
        # Values of enums, codes and reasons stand in the comments as they are, in capitals.
        return re.sub(r"(?<![`\w\[.])(?:[A-Z]+(?:_[A-Z]+)+|[A-Z]{7,})(?![\w`])", self._link_value, text)

    def _link_code(self, found: re.Match) -> str:
        name, _, field = found[1].partition(".")
        if name in self._fields and (not field or field in self._fields[name]) or name in self._methods and not field:
            return f"[`{found[1]}`](#{name.lower()})"
        return found[0]

    def _link_value(self, found: re.Match) -> str:
        enum = self._enum_of.get(found[0])
        return f"[`{found[0]}`](#{enum.lower()})" if enum else f"`{found[0]}`"


def kind(field) -> str:
    """The type of a field, as it is written in a proto."""
    if field.type in (Field.TYPE_MESSAGE, Field.TYPE_ENUM):
        name = link(field.type_name)
    else:
        name = "`" + Field.Type.Name(field.type).removeprefix("TYPE_").lower() + "`"
    if field.label == Field.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def link(type_name: str) -> str:
    """A type's name that leads to its description."""
    name = type_name.rsplit(".", 1)[1]
    if type_name.startswith(".google.protobuf."):
        return f"[`{type_name[1:]}`]({WELL_KNOWN}{name.lower()})"
    return f"[`{name}`](#{name.lower()})"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page() -> str:
    """What docs/contract.md has to be."""
    return Reference(described()).page()


if __name__ == "__main__":
    sys.stdout.write(page())
