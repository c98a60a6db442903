"""What the deployed tests are run with: packages of pinned versions below .tools, each in a folder of
its own, since they do not bear each other."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
EMULATOR = TOOLS / "ministack"
# Without the two others it knows no KMS and no SAM.
EMULATOR_PACKAGES = ["ministack==1.5.33", "cryptography==50.0.2", "aws-sam-translator==1.115.0"]
SAM = TOOLS / "sam"
SAM_PACKAGES = ["aws-sam-cli==1.170.0"]
AWS = TOOLS / "aws"
AWS_PACKAGES = ["awscli==1.46.3"]


def install(folder: Path, packages: list[str]) -> None:
    stamp, wanted = folder / "installed", "\n".join(packages)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"deployed: installing {', '.join(packages)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
                   check=True, stdin=subprocess.DEVNULL)
    stamp.write_text(wanted)


def enter() -> None:
    """Installs everything, and goes on with the interpreter that has boto3: SAM brings it."""
    install(EMULATOR, EMULATOR_PACKAGES)
    install(SAM, SAM_PACKAGES)
    install(AWS, AWS_PACKAGES)
    python = SAM / "bin" / "python"
    if Path(sys.prefix).resolve() != SAM.resolve():
        os.execv(python, [str(python), "-B", *sys.argv])
