"""What `make bench` promises of starts: taken in turns, medians, and none of one that answers wrongly."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import package

sys.path.append(str(package.ROOT / "tests" / "bench"))

import start  # noqa: E402

FUNCTION = """
import json, os, sys, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
with urllib.request.urlopen(f"{api}/next") as event:
    name = event.headers["Lambda-Runtime-Aws-Request-Id"]
    asked = json.load(event)
answer = json.dumps({"answer": asked["question"] + int(sys.argv[1])}).encode()
urllib.request.urlopen(urllib.request.Request(f"{api}/{name}/response", data=answer)).close()
urllib.request.urlopen(f"{api}/next")
"""


class Starts(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.program = Path(self.folder.name) / "function.py"
        self.program.write_text(FUNCTION)

    def candidate(self, name: str, more: int) -> start.Candidate:
        command = [sys.executable, str(self.program), str(more)]
        return start.Candidate(name, command, {"question": 1}, lambda answer: answer == {"answer": 2})

    def test_a_function_is_measured_to_its_answer(self) -> None:
        one = self.candidate("one", 1)
        milliseconds, processor, megabytes = start.start(one.command, one.event, one.is_right)
        self.assertGreater(milliseconds, 0)
        self.assertGreater(processor, 0)
        self.assertGreater(megabytes, 1)

    def test_one_that_answers_wrongly_has_no_figures_and_the_others_have(self) -> None:
        found = start.in_turns([self.candidate("wrong", 2), self.candidate("right", 1)], 1)
        self.assertIsInstance(found["wrong"], start.NotAnswered)
        self.assertEqual(found["right"]["starts"], 1)
        with self.assertRaises(start.NotAnswered):
            start.told(found["wrong"])

    def test_starts_take_turns_and_the_first_does_not_count(self) -> None:
        seen = []

        def started(command, _event, _is_right):
            seen.append(command[0])
            # The first start of each is slow, since its file is read from the disk.
            return (1000.0 if len(seen) <= 2 else float(len(seen)), 1.0, 2.0)

        candidates = [start.Candidate(name, [name], {}, bool) for name in "ab"]
        with mock.patch.object(start, "start", started):
            found = start.in_turns(candidates, 3)
        self.assertEqual("".join(seen), "abababab")
        self.assertEqual(found["a"], {"starts": 3, "milliseconds": 5.0, "processor": 1.0, "megabytes": 2.0})


class Reports(unittest.TestCase):
    """Goals are told of what is shipped, and missed ones are told as missed."""

    def rows(self, is_shipped: bool, milliseconds: float) -> dict[str, tuple]:
        report = mock.Mock()
        found = {"milliseconds": milliseconds, "processor": 1.0, "megabytes": 41.0}
        beside = {"milliseconds": 10.0, "processor": 1.0, "megabytes": 10.0}
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(package, "OUTPUT", Path(folder)):
            (Path(folder) / "ews-webhook.zip").write_bytes(bytes(1024))
            start.show_function(report, "ews-webhook", found, beside, is_shipped)
        return {call.args[0].strip(): call.args[1:] for call in report.row.call_args_list}

    def test_a_goal_is_met_or_missed(self) -> None:
        rows = self.rows(True, 15.0)
        self.assertIs(rows["ews-webhook.zip"][-1], True)
        self.assertIs(rows["times the minimal Rust function"][-1], True)
        self.assertIs(rows["memory"][-1], False)
        self.assertIs(self.rows(True, 15.1)["times the minimal Rust function"][-1], False)

    def test_what_is_not_shipped_has_no_goals(self) -> None:
        self.assertIsNone(self.rows(False, 15.1)["times the minimal Rust function"][-1])


if __name__ == "__main__":
    unittest.main()
