"""What `make package` promises of zips, programs and bills."""

import json
import sys
import unittest
import zipfile
from io import BytesIO
from pathlib import Path
from unittest import mock

import elf
import package
import sbom

PROGRAM = Path(sys.executable).resolve().read_bytes()


class Functions(unittest.TestCase):
    def test_every_function_is_packed_but_the_host_of_all(self) -> None:
        folders = {path.name for path in (package.ROOT / "functions").iterdir() if path.is_dir()}
        self.assertEqual(set(package.FUNCTIONS), folders - {"local"})


class Zips(unittest.TestCase):
    def test_the_same_program_makes_the_same_bytes_at_any_time(self) -> None:
        with mock.patch("time.time", return_value=0), mock.patch("time.localtime", return_value=(1999,) * 9):
            before = package.zipped(b"program" * 1000)
        self.assertEqual(before, package.zipped(b"program" * 1000))

    def test_a_zip_holds_one_program_that_may_be_run(self) -> None:
        with zipfile.ZipFile(BytesIO(package.zipped(b"program"))) as archive:
            (entry,) = archive.infolist()
            self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o100755))
            self.assertEqual(archive.read(entry), b"program")

    def test_one_over_its_budget_is_refused_where_it_is_shipped(self) -> None:
        large = bytes(package.ZIP_BYTES_MAX + 1)
        with self.assertRaises(package.Refused):
            package.check_size("sync", large, "lambda")
        package.check_size("sync", large, "dev")
        package.check_size("sync", large[1:], "lambda")


class Programs(unittest.TestCase):
    def test_the_newest_version_that_is_needed_is_found(self) -> None:
        needed = {one for one in elf.needed_versions(PROGRAM) if one.startswith("GLIBC_2.")}
        self.assertIn("GLIBC_2.2.5", needed)
        newest = max(tuple(map(int, one.removeprefix("GLIBC_").split("."))) for one in needed)
        self.assertEqual(elf.glibc(PROGRAM), newest)

    def test_a_program_that_needs_more_than_amazon_linux_has_is_refused(self) -> None:
        package.check_program("sync", PROGRAM)
        with mock.patch.object(package, "GLIBC_MAX", (2, 2)), self.assertRaises(package.Refused):
            package.check_program("sync", PROGRAM)

    def test_an_intake_that_carries_a_client_is_refused(self) -> None:
        for function, words in package.NOT_CARRIED.items():
            package.check_carried(function, PROGRAM)
            for word in words:
                with self.assertRaises(package.Refused):
                    package.check_carried(function, b"..." + word + b"...")
        package.check_carried("sync", b"SyncFolderItems")

    def test_what_is_no_program_is_refused(self) -> None:
        for other in (b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(64)):
            with self.assertRaises(elf.NoProgram):
                elf.machine(other)


class Bills(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.packages = sbom.read_packages()
        cls.tree = sbom.read_tree("tidemark-ews-webhook", package.TARGET)
        text = sbom.bill("tidemark-ews-webhook", cls.tree, cls.packages, "0" * 64)
        cls.bill = json.loads(text)

    def test_every_part_is_named_once_and_every_reference_leads_somewhere(self) -> None:
        known = [one["bom-ref"] for one in self.bill["components"]] + [self.bill["metadata"]["component"]["bom-ref"]]
        self.assertEqual(len(known), len(set(known)))
        for one in self.bill["dependencies"]:
            self.assertIn(one["ref"], known)
            self.assertLessEqual(set(one["dependsOn"]), set(known))

    def test_what_comes_from_a_registry_has_its_digest_and_its_licence(self) -> None:
        foreign = [one for one in self.bill["components"] if not one["name"].startswith("tidemark-")]
        self.assertGreater(len(foreign), 50)
        for one in foreign:
            self.assertEqual(len(one["hashes"][0]["content"]), 64, one["name"])
            self.assertNotIn("/", one["licenses"][0]["expression"], one["name"])

    def test_only_what_the_function_is_linked_from_is_named(self) -> None:
        names = {one["name"] for one in self.bill["components"]}
        self.assertIn("tidemark-intake", names)
        self.assertFalse(names & {"tidemark-mailbox", "reqwest", "proptest", "cc", "syn"})

    def test_the_texts_of_licences_are_handed_on(self) -> None:
        text = sbom.notices([self.tree], self.packages)
        self.assertIn("serde 1.", text)
        self.assertIn("Permission is hereby granted, free of charge", text)
        self.assertIn("Apache License", text)


if __name__ == "__main__":
    unittest.main()
