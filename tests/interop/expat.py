"""Reads documents with expat and compares the trees; prints how many were alike."""

import json
import sys
from xml.parsers import expat

XML = "http://www.w3.org/XML/1998/namespace"
# No character of XML, so no namespace holds it.
SEPARATOR = "\x1f"


def parse(xml):
    root, stack = [], []

    def start(name, attributes):
        ns, _, local = name.rpartition(SEPARATOR)
        named = [[("xml:" + key.rpartition(SEPARATOR)[2]) if key.startswith(XML) else key, value] for key, value in attributes.items()]
        element = [ns, local, sorted(named, key=lambda pair: json.dumps(pair, ensure_ascii=False, separators=(",", ":"))), []]
        (stack[-1][3] if stack else root).append(element)
        stack.append(element)

    def text(data):
        children = stack[-1][3]
        if children and isinstance(children[-1], str):
            children[-1] += data
        else:
            children.append(data)

    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    parser.Parse(xml, True)
    return root[0]


alike = 0
for line in open(sys.argv[1], encoding="utf-8"):
    document = json.loads(line)
    try:
        found = parse(document["xml"])
    except expat.ExpatError as error:
        sys.exit(f"expat refuses {document['xml']!r}: {error}")
    if document["inside"]:
        found = found[3][0]
    if found != document["tree"]:
        sys.exit(f"{document['xml']!r}\nwas {document['tree']}\nis  {found}")
    alike += 1
print(alike)
