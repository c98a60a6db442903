#!/usr/bin/env python3
"""Lets programs that are not ours judge the running connector and its simulated Exchange.

usage: judges.py [JUDGE...]        all of them when none is named

  demo       exchangelib edits a mailbox of the demo, the business side sees it, and back;
             webhook deliveries are verified with the Standard Webhooks library
  traffic    every EWS body of the judges before it is validated against Microsoft's schema, and
             what `make test` said, where TIDEMARK_SIM_RECORD names a directory for both
  captures   our readers read what another EWS server said to other clients
  simulator  exchangelib uses the simulator alone
  davmail    a CalDAV client uses the simulator through DavMail, exchangelib looks at the other side
  javascript ews-javascript-api uses the simulator
  graph      Microsoft's Graph SDK for Python uses the simulator's cloud
  cloud      events are made over Graph in the demo, the business side sees them, and back; Microsoft's
             SDKs for Python and, where Node is at hand, for JavaScript read what the business side wrote
  oauth      an OAuth server (oidc-provider) gives the product tokens by secret and by certificate, and
             refuses wrong ones
  store      DynamoDB's emulator dynoxide, by its own server: the AWS SDK reaches it over HTTP, and the store
             is held to its conformance suite there, as it is in process by `make test`
  kill       the connector is killed at random moments under load; nothing may be lost or doubled

What they need is installed below .tools. DavMail alone is a package of the system (Debian's
davmail-server, with a Java runtime): it is installed by apt, which takes root. `traffic` and
`captures` need the material beside the project (TIDEMARK_SHARED), `javascript` and `oauth` need Node. Without
these a judge is skipped, and that is said; where CI=true, one that cannot be installed is wrong.
TIDEMARK_KILLS (20) and TIDEMARK_KILL_SEED (1) set the rounds of `kill`.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
JUDGES = ROOT / "tests" / "judges"
VENV = ROOT / ".tools" / "python"
PYTHON = VENV / "bin" / "python"
PACKAGES = ["caldav==3.6.0", "exchangelib==5.6.0", "icalendar==7.3.0", "lxml==6.1.3", "standardwebhooks==1.1.0"]
GRAPH_VENV = ROOT / ".tools" / "graph"
GRAPH_PYTHON = GRAPH_VENV / "bin" / "python"
GRAPH_NODE = ROOT / ".tools" / "graph-node"
GRAPH_NODE_PACKAGE = "@microsoft/microsoft-graph-client@3.0.7"
# Without azure-identity: it goes to the real login. The SDK is large, so it has a folder of its own.
GRAPH_PACKAGES = ["msgraph-sdk==1.65.0", "msgraph-core==1.5.2"]
NODE = ROOT / ".tools" / "node"
NODE_PACKAGE = "ews-javascript-api@0.15.3"
OAUTH_NODE = ROOT / ".tools" / "oauth-node"
OAUTH_NODE_PACKAGE = "oidc-provider@9.13.3"
DYNOXIDE = ROOT / ".tools" / "dynoxide"
# Its server and command line are built here alone: they are in nothing of ours.
DYNOXIDE_FEATURES = "native-sqlite,http-server,cli"
# Cases of the suite that it fails over HTTP, with commas. That one of them holds is an error too.
DYNOXIDE_EXCEPT = ""
DAVMAIL = pathlib.Path("/usr/share/davmail/davmail.jar")
DAVMAIL_PACKAGE = "davmail-server"
KEY = "judges-demo-key"
START_SECONDS = 120
STOP_SECONDS = 20
INSTALL_SECONDS = 600
BRIDGE_SECONDS = 150
GRAPH_SECONDS = 180
STORE_SECONDS = 180


# Only CalDAV is offered, on loopback; errors are told, traffic is not. Small pages make it turn them.
DAVMAIL_SETTINGS = """davmail.server=true
davmail.mode=EWS
davmail.url={url}/EWS/Exchange.asmx
davmail.bindAddress=127.0.0.1
davmail.allowRemote=false
davmail.caldavPort={port}
davmail.disableUpdateCheck=true
davmail.folderFetchPageSize=2
davmail.logFilePath={log}
log4j.rootLogger=WARN
log4j.logger.davmail=WARN
"""


class Skipped(Exception):
    """A judge that could not be asked, and why."""


class Wrong(Exception):
    """What a judge found."""


def prepare() -> None:
    """Installs the pinned packages, once."""
    stamp, wanted = VENV / "tidemark-packages", "\n".join(PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    venv.create(VENV, with_pip=True, clear=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
    stamp.write_text(wanted)


def cannot_install(why: str) -> Exception:
    """A judge that is not at hand is an excuse on a desk, and none in CI."""
    return Wrong(why) if os.environ.get("CI") == "true" else Skipped(why)


def install(command: list, what: str, **environment) -> None:
    """Runs an installer; its words are shown only when it fails."""
    try:
        done = subprocess.run(command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise cannot_install(f"{what} cannot be installed: {error}") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise cannot_install(f"{what} cannot be installed, {command[0]} ended with {done.returncode}:\n{tail}")


def prepare_davmail() -> None:
    """Installs DavMail and a Java runtime without a desktop, once."""
    if DAVMAIL.is_file() and shutil.which("java"):
        return
    if not shutil.which("apt-get"):
        raise cannot_install("DavMail is not installed, and this system has no apt to install it")
    if os.geteuid() != 0:
        raise cannot_install(f"DavMail is not installed, and apt needs root: apt-get install --no-install-recommends {DAVMAIL_PACKAGE}")
    print(f"   installing {DAVMAIL_PACKAGE} and what it needs by apt", flush=True)
    # Run level 1 keeps the package from starting its own service.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install(["apt-get", "update", "--quiet"], "DavMail", **quiet)
    install(["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", DAVMAIL_PACKAGE], "DavMail", **quiet)


def prepare_graph() -> None:
    """Installs Microsoft's Graph SDK for Python, once. It is thousands of files and takes minutes."""
    stamp, wanted = GRAPH_VENV / "tidemark-packages", "\n".join(GRAPH_PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("   installing the Graph SDK, which takes minutes the first time", flush=True)
    venv.create(GRAPH_VENV, with_pip=True, clear=True)
    install([str(GRAPH_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *GRAPH_PACKAGES],
            "the Graph SDK")
    stamp.write_text(wanted)


def prepare_node(folder=NODE, package=NODE_PACKAGE) -> None:
    """Installs a pinned package for Node, once."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skipped("Node is not installed")
    stamp = folder / "tidemark-package"
    if stamp.is_file() and stamp.read_text() == package:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    install(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), package], package)
    stamp.write_text(package)


def prepare_dynoxide() -> None:
    """Builds the emulator of DynamoDB with its server, once, in the version that the product has in process."""
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    [version] = [package["version"] for package in packages if package["name"] == "dynoxide-rs"]
    stamp = DYNOXIDE / "version"
    if stamp.is_file() and stamp.read_text() == version:
        return
    print("   building dynoxide, which takes minutes the first time", flush=True)
    install([os.environ.get("CARGO", "cargo"), "install", "dynoxide-rs", "--version", f"={version}", "--locked",
             "--quiet", "--debug", "--no-default-features", "--features", DYNOXIDE_FEATURES, "--root", str(DYNOXIDE)],
            "dynoxide")
    stamp.write_text(version)


def free_port() -> int:
    """A port that nobody listens on; DavMail cannot be told to pick one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def build(package: str = "tidemark-local", kind: str = "bin", name: str = "tidemark") -> pathlib.Path:
    """Builds a program and returns where it is."""
    cargo = os.environ.get("CARGO", "cargo")
    subprocess.run([cargo, "build", "--quiet", "--locked", "--package", package, f"--{kind}", name], cwd=ROOT, check=True)
    folder = ROOT / pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "debug"
    return folder / ("examples" if kind == "example" else "") / name


class Program:
    """The program under judgement, in a process group of its own, on ports that the system picks."""

    def __init__(self, binary, arguments, log: pathlib.Path, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [binary, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=clean | {"RUST_BACKTRACE": "1"} | environment, start_new_session=True)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def printed_url(self, line_start: str) -> str:
        """The origin of the address on the line that begins so."""
        def look():
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith(line_start):
                    parts = line.split()[-1].split("/")
                    return "/".join(parts[:3])
            return None
        return self.wait_for(look, f"the line \"{line_start}\"")

    def wait_until_open(self, port: int) -> None:
        def look():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return True
            except OSError:
                return False
        self.wait_for(look, f"port {port}")

    def wait_until_ready(self, url: str) -> None:
        def look():
            try:
                with urllib.request.urlopen(url + "/health", timeout=5) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                return False
        self.wait_for(look, "/health")

    def wait_for(self, look, what):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            if self.process.poll() is not None:
                raise Wrong(f"the program ended with {self.process.returncode}:\n{self.tail()}")
            time.sleep(0.02)
        raise Wrong(f"{what} did not come in {START_SECONDS} s:\n{self.tail()}")

    def interrupt(self) -> None:
        """Ctrl-C: it has to end by itself, and well."""
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Wrong(f"still running {STOP_SECONDS} s after SIGINT") from None
        if code != 0:
            raise Wrong(f"SIGINT ended it with {code}:\n{self.tail()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def judge(script: pathlib.Path, *arguments, timeout=900, runner=PYTHON, **environment) -> None:
    """Runs a judge's script; its findings are on the terminal."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | environment
    done = subprocess.run([runner, script, *map(str, arguments)], timeout=timeout, env=environment)
    if done.returncode != 0:
        raise Wrong(f"{script.name} ended with {done.returncode}")


def shared() -> pathlib.Path:
    folder = os.environ.get("TIDEMARK_SHARED")
    if not folder:
        raise Skipped("TIDEMARK_SHARED is not set")
    return pathlib.Path(folder)


class Judges:
    def __init__(self, scratch: pathlib.Path):
        self.scratch = scratch
        self.recording = scratch / "traffic"
        self.binary = build()

    def demo(self) -> None:
        self.judge_demo("demo", "exchangelib_demo.py")

    def judge_demo(self, name: str, script: str, **how) -> None:
        """Starts the demo on free ports and lets a script judge it."""
        log, data = self.scratch / f"{name}.log", self.scratch / f"{name}-data"
        with Program(self.binary, ["local", "--demo"], log, TIDEMARK_API_PORT="0", TIDEMARK_SIM_PORT="0",
                     TIDEMARK_DATA=str(data), TIDEMARK_DEMO_API_KEY=KEY,
                     TIDEMARK_SIM_RECORD=str(self.recording)) as program:
            api = program.printed_url("API and status page")
            simulator = program.printed_url("simulated Exchange")
            program.wait_until_ready(api)
            try:
                judge(JUDGES / script, api, simulator, KEY, **how)
            except (Wrong, subprocess.TimeoutExpired):
                print(program.tail())
                raise
            program.interrupt()

    def cloud(self) -> None:
        prepare_graph()
        try:
            prepare_node(GRAPH_NODE, GRAPH_NODE_PACKAGE)
            modules = str(GRAPH_NODE / "node_modules")
        except Skipped as reason:
            modules = ""
            print(f"   without the SDK for JavaScript: {reason}", flush=True)
        self.judge_demo("cloud", "graph_demo.py", timeout=GRAPH_SECONDS, runner=GRAPH_PYTHON, NODE_PATH=modules)

    def traffic(self) -> None:
        schema = shared() / "reference" / "xsd"
        tested = os.environ.get("TIDEMARK_SIM_RECORD")
        folders = [folder for folder in (self.recording, tested and pathlib.Path(tested))
                   if folder and folder.is_dir()]
        if not folders:
            raise Skipped("nothing was recorded: ask `demo`, `davmail` or `javascript` as well")
        judge(JUDGES / "xsd.py", schema, *folders)

    def captures(self) -> None:
        folder = shared()
        if not (ROOT / "shared" / "ews" / "tests" / "captures.rs").is_file():
            raise Skipped("shared/ews has no test of them")
        done = subprocess.run(
            [os.environ.get("CARGO", "cargo"), "test", "--quiet", "--locked", "--package", "tidemark-ews", "--test", "captures"],
            cwd=ROOT, env=os.environ | {"TIDEMARK_SHARED": str(folder)})
        if done.returncode != 0:
            raise Wrong("captures are not read")

    def simulator(self) -> None:
        with Program(self.binary, ["simulator"], self.scratch / "simulator.log", TIDEMARK_SIM_PORT="0",
                     TIDEMARK_SIM_RECORD=str(self.recording)) as program:
            url = program.printed_url("simulator")
            judge(ROOT / "tests" / "simulator" / "judges" / "exchangelib_basic.py", url)
            program.interrupt()

    def graph(self) -> None:
        prepare_graph()
        with Program(self.binary, ["simulator"], self.scratch / "graph-simulator.log", TIDEMARK_SIM_PORT="0") as program:
            url = program.printed_url("simulator")
            judge(JUDGES / "graph_sdk.py", url, timeout=GRAPH_SECONDS, runner=GRAPH_PYTHON)
            program.interrupt()

    def davmail(self) -> None:
        prepare_davmail()
        port, settings, log = free_port(), self.scratch / "davmail.properties", self.scratch / "davmail-java.log"
        with Program(self.binary, ["simulator"], self.scratch / "davmail-simulator.log", TIDEMARK_SIM_PORT="0",
                     TIDEMARK_SIM_RECORD=str(self.recording)) as program:
            url = program.printed_url("simulator")
            settings.write_text(DAVMAIL_SETTINGS.format(url=url, port=port, log=self.scratch / "davmail.log"))
            java = [shutil.which("java"), "-Xmx256m", "-Djava.awt.headless=true", f"-Duser.home={self.scratch}",
                    "-jar", str(DAVMAIL), "-server", str(settings)]
            with Program(java[0], java[1:], log) as bridge:
                bridge.wait_until_open(port)
                try:
                    judge(JUDGES / "davmail.py", f"http://127.0.0.1:{port}", url, timeout=BRIDGE_SECONDS)
                except (Wrong, subprocess.TimeoutExpired):
                    print(bridge.tail())
                    raise
            program.interrupt()

    def javascript(self) -> None:
        prepare_node()
        with Program(self.binary, ["simulator"], self.scratch / "javascript-simulator.log", TIDEMARK_SIM_PORT="0",
                     TIDEMARK_SIM_RECORD=str(self.recording)) as program:
            url = program.printed_url("simulator")
            judge(JUDGES / "javascript.cjs", url, timeout=BRIDGE_SECONDS, runner="node",
                  NODE_PATH=str(NODE / "node_modules"))
            program.interrupt()

    def oauth(self) -> None:
        prepare_node(OAUTH_NODE, OAUTH_NODE_PACKAGE)
        entry = OAUTH_NODE / "node_modules" / "oidc-provider" / "lib" / "index.js"
        judge(JUDGES / "oauth.py", self.binary, entry, self.scratch / "oauth", timeout=300)

    def store(self) -> None:
        prepare_dynoxide()
        suite = build("tidemark-platform", "example", "conformance")
        # It cannot be told to pick a port either.
        port = free_port()
        with Program(DYNOXIDE / "bin" / "dynoxide", ["--port", str(port)], self.scratch / "dynoxide.log") as server:
            server.wait_until_open(port)
            clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEMARK_"))}
            done = subprocess.run([suite], timeout=STORE_SECONDS, stdin=subprocess.DEVNULL, env=clean | {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "TIDEMARK_TABLE": "conformance",
                "TIDEMARK_CONFORMANCE_EXCEPT": DYNOXIDE_EXCEPT, "RUST_BACKTRACE": "0"})
            if done.returncode != 0:
                print(server.tail())
                raise Wrong(f"the suite ended with {done.returncode}")

    def kill(self) -> None:
        rounds = os.environ.get("TIDEMARK_KILLS", "20")
        seed = os.environ.get("TIDEMARK_KILL_SEED", "1")
        judge(JUDGES / "kill.py", self.binary, self.scratch / "kill", rounds, seed, timeout=600 + 60 * int(rounds))


ORDER = ["demo", "simulator", "davmail", "javascript", "graph", "cloud", "oauth", "traffic", "captures", "store", "kill"]


def main() -> int:
    names = sys.argv[1:] or ORDER
    unknown = set(names) - set(ORDER)
    if unknown:
        print(f"no such judge: {', '.join(sorted(unknown))}\n\n{__doc__}", file=sys.stderr)
        return 2
    prepare()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-judges-"))
    judges, wrong = Judges(scratch), []
    for name in names:
        print(f"== judge: {name}", flush=True)
        began = time.monotonic()
        try:
            getattr(judges, name)()
            print(f"== {name}: holds ({time.monotonic() - began:.0f} s)", flush=True)
        except Skipped as reason:
            print(f"== {name}: SKIPPED, {reason}", flush=True)
        except (Wrong, subprocess.TimeoutExpired) as found:
            wrong.append(name)
            print(f"== {name}: WRONG, {found}", flush=True)
    if wrong:
        print(f"judges: {', '.join(wrong)} not content; logs in {scratch}")
        return 1
    shutil.rmtree(scratch, ignore_errors=True)
    print("judges: content")
    return 0


if __name__ == "__main__":
    sys.exit(main())
