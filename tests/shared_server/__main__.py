"""Run the suite with 8 workers on one server, in the order of a seed: `python tests/shared_server [SEED]`.

Of whichever Carrot Mock this Python has installed, together with pytest-xdist and pytest-randomly.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).resolve().parent
TESTS = 500


def main(seed: str) -> int:
    serve = [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--json"]
    with subprocess.Popen(serve, cwd=HERE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            run = [sys.executable, "-m", "pytest", "-q", "suite.py", f"--carrot-url={url}"]
            done = subprocess.run(
                [*run, f"--randomly-seed={seed}"], cwd=HERE, stdout=subprocess.PIPE, text=True, check=False
            )
            print(done.stdout, end="")
            if done.returncode != 0:
                return done.returncode
            if f"{TESTS} passed" not in done.stdout:
                print(f"These were not {TESTS} tests.")
                return 1
            with urlopen(f"{url}/_mock/workspaces") as answer:
                left = [each["id"] for each in json.load(answer)]
            print(f"Workspaces that are left: {', '.join(left)}")
            return 0 if left == ["default"] else 1
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "1"))
