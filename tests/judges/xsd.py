#!/usr/bin/env python3
"""Validates recorded EWS traffic against Microsoft's schema.

usage: xsd.py SCHEMA_FOLDER TRAFFIC_FOLDER...

A file holds one SOAP envelope; its body's only child has to be valid. Faults have no schema and are
counted apart. Identical bodies are checked once. Exit status 1 when one file is not valid, or when
there was nothing to check.
"""

import hashlib
import pathlib
import sys

from lxml import etree

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
# types.xsd imports the xml namespace without saying where it is: a stub with what it uses.
XML_STUB = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
 targetNamespace="http://www.w3.org/XML/1998/namespace">
 <xs:attribute name="lang" type="xs:language"/></xs:schema>"""


class Stub(etree.Resolver):
    def resolve(self, url, public_id, context):
        if url and url.endswith("xml.xsd"):
            return self.resolve_string(XML_STUB, context)
        return None


def load_schema(folder: pathlib.Path) -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(Stub())
    types = (folder / "types.xsd").read_text(encoding="utf-8")
    types = types.replace(
        'namespace="http://www.w3.org/XML/1998/namespace"',
        'namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"', 1)

    class Types(etree.Resolver):
        def resolve(self, url, public_id, context):
            if url and url.endswith("types.xsd"):
                return self.resolve_string(types, context, base_url=str(folder / "types.xsd"))
            return None

    parser.resolvers.add(Types())
    return etree.XMLSchema(etree.parse(str(folder / "messages.xsd"), parser))


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    schema = load_schema(pathlib.Path(sys.argv[1]))
    seen, valid, faults, bad = set(), 0, 0, 0
    safe = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    for folder in sys.argv[2:]:
        for path in sorted(pathlib.Path(folder).rglob("*.xml")):
            text = path.read_bytes()
            digest = hashlib.sha256(text).digest()
            if digest in seen:
                continue
            seen.add(digest)
            try:
                body = etree.fromstring(text, safe).find(f"{SOAP}Body")
            except etree.XMLSyntaxError as error:
                print(f"{path}: no XML: {error}")
                bad += 1
                continue
            child = body[0] if body is not None and len(body) else None
            if child is None:
                print(f"{path}: no body")
                bad += 1
            elif child.tag == f"{SOAP}Fault":
                faults += 1
            elif schema.validate(etree.fromstring(etree.tostring(child), safe)):
                valid += 1
            else:
                bad += 1
                first = schema.error_log[0]
                print(f"{path}: {etree.QName(child).localname}: line {first.line}: {first.message}")
    print(f"xsd: {valid} valid, {faults} faults (no schema), {bad} not valid")
    return 1 if bad or not valid else 0


if __name__ == "__main__":
    sys.exit(main())
