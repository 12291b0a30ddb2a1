"""The wheel, installed by a project that has packages, modules and fixtures under the names that we use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from mock_server import __version__

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "mock_server": CHECKOUT / "mock_server",
    "pytest_carrot": CHECKOUT / "pytest_carrot",
    "carrot_fixtures": CHECKOUT / "fixtures" / "carrot_fixtures",
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel, and what the wheel needs from the one that runs these tests.

    An editable installation is a .pth file there, which counts only in the folder that it is in.
    """
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=os.name != "nt")
    names = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", names))
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    needed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "needed.pth").write_text("".join(f"{path}\n" for path in needed))
    return Path(sysconfig.get_path("scripts", "venv", names)) / Path(sys.executable).name


PROJECT = {
    "pyproject.toml": """
[tool.pytest.ini_options]
addopts = "--strict-markers --strict-config -p no:cacheprovider"
filterwarnings = ["error"]
""",
    "conftest.py": """
pytest_plugins = ["fixtures.ours"]
""",
    "fixtures/__init__.py": """
MINE = True
""",
    "fixtures/ours.py": """
import pytest

NAMES = ("client", "server", "workspace", "token", "faker")

def mine(name):
    @pytest.fixture(name=name)
    def give(): return f"my {name}"
    return give

for name in NAMES:
    globals()[f"_{name}"] = mine(name)

@pytest.fixture
def anyio_backend(): return "asyncio"
""",
    "tests/__init__.py": "",
    "tests/test_ours.py": """
import fixtures
from fixtures.ours import NAMES

def test_mine(client, server, workspace, token, faker):
    assert [client, server, workspace, token, faker] == [f"my {name}" for name in NAMES]
    assert fixtures.MINE
""",
}

USES_CARROT = {
    "tests/test_carrot.py": """
import pytest

def test_a_world(carrot, carrot_client, carrot_mass_id, carrot_faker, client, token):
    assert (client, token) == ("my client", "my token")
    assert carrot_faker.name()
    answer = carrot_client.post("/documents", json=carrot_mass_id().document)
    assert answer.status_code == 201
    assert carrot.documents.only()["id"] == answer.json()["id"]

def test_in_process(carrot_asgi, carrot_mass_id, faker):
    assert faker == "my faker"
    assert carrot_asgi.client.post("/documents", json=carrot_mass_id().document).status_code == 201

@pytest.mark.parametrize("path", ["/", "/_mock/openapi.json", "/openapi.yaml", "/_pages/style.css"])
def test_files_of_the_wheel(carrot_client, path):
    assert carrot_client.get(path).status_code == 200
""",
    "tests/test_classes.py": """
import unittest
import pytest

class TestFixtures(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, carrot, carrot_client, carrot_mass_id, client):
        self.carrot, self.carrot_client, self.mass_id, self.client = carrot, carrot_client, carrot_mass_id, client

    def setUp(self):
        self.answer = self.carrot_client.post("/documents", json=self.mass_id().document)

    def test_one(self):
        self.assertEqual(self.client, "my client")
        self.assertEqual(self.carrot.documents.only()["id"], self.answer.json()["id"])

    def test_another_has_another_world(self):
        self.assertEqual(len(self.carrot.documents.all()), 1)

@pytest.mark.usefixtures("carrot")
class TestMarked(unittest.TestCase):
    def test_it(self):
        pass

class TestAsync(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def take(self, carrot, carrot_async_client, carrot_mass_id):
        self.carrot, self.client, self.mass_id = carrot, carrot_async_client, carrot_mass_id

    async def test_it(self):
        answer = await self.client.post("/documents", json=self.mass_id().document)
        self.assertEqual(self.carrot.documents.only()["id"], answer.json()["id"])
""",
    "tests/test_anyio.py": """
import anyio
import pytest

pytestmark = pytest.mark.anyio

@pytest.fixture
async def document_id(carrot_async_client, carrot_mass_id):
    return (await carrot_async_client.post("/documents", json=carrot_mass_id().document)).json()["id"]

async def test_over_the_socket(carrot, carrot_async_client, document_id, workspace):
    assert workspace == "my workspace"
    assert (await carrot_async_client.get(f"/documents/{document_id}")).status_code == 200
    carrot.journal.assert_count(1, operation="documents.read")

async def test_in_process(carrot_asgi, carrot_mass_id):
    key = (document := carrot_mass_id().document)["deduplicationId"]
    async def create(): await carrot_asgi.async_client.post("/documents", json=document)
    async with anyio.create_task_group() as group:
        group.start_soon(create)
        group.start_soon(create)
    carrot_asgi.ledger.assert_exactly_once(key)
""",
    "tests/test_where.py": """
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import carrot_fixtures, fixtures, mock_server, pytest_carrot

def test_where(carrot, carrot_asgi, carrot_mass_id):
    for package in (mock_server, pytest_carrot, carrot_fixtures):
        assert Path(package.__file__).is_relative_to(sys.prefix)
    assert Path(fixtures.__file__).parents[1] == Path(__file__).parents[1]
    theirs = [Path(CHECKOUT, name) for name in ("mock_server", "pytest_carrot", "fixtures", "tests", "bench")]
    files = [Path(file) for each in list(sys.modules.values()) if (file := getattr(each, "__file__", None))]
    assert [file for file in files for folder in theirs if file.is_relative_to(folder)] == []
    assert CHECKOUT not in sys.path
    assert version("carrot-mock") == mock_server.__version__ == VERSION
""".replace("CHECKOUT", repr(str(CHECKOUT))).replace("VERSION", repr(__version__)),
}

SHADOWS = {
    "mock_server.py": """
MINE = True
""",
    "tests/test_shadow.py": """
import mock_server

def test_mine(): assert mock_server.MINE
""",
}


@pytest.fixture
def run(python: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Writes a project, and runs its tests as its owner does."""

    def start(files: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        clean.pop("PYTHONPATH", None)
        return subprocess.run(
            [python, "-m", "pytest", *arguments],
            cwd=tmp_path / "project",
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """`{"passed": 3}` of the last line."""
    last = (result.stdout.strip().splitlines() or [""])[-1]
    assert " in " in last, result.stdout + result.stderr
    return {what: int(count) for count, what in re.findall(r"(\d+) (\w+)", last.partition(" in ")[0])}


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        about = f"carrot_mock-{__version__}.dist-info/"
        names = {name for name in archive.namelist() if not name.startswith(about)}
        assert names == set(expected)
        assert [name for name, path in expected.items() if archive.read(name) != path.read_bytes()] == []
        entries = archive.read(f"{about}entry_points.txt").decode()
        assert archive.read(f"{about}licenses/LICENSE") == (CHECKOUT / "LICENSE").read_bytes()
    assert "[pytest11]\ncarrot = pytest_carrot.plugin\n" in entries
    assert "[console_scripts]\ncarrot-mock = mock_server.cli:main\n" in entries
    # What a type checker, a browser and a shell ask for is among them.
    assert {f"{name}/py.typed" for name in PACKAGES} <= names
    assert {Path(name).suffix for name in names} >= {".json", ".yaml", ".sh", ".html", ".js", ".css", ".svg"}


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "in a worker"])
def test_a_project_with_names_of_ours_uses_the_wheel_beside_its_own(
    run: Callable[..., subprocess.CompletedProcess[str]], workers: tuple[str, ...]
) -> None:
    result = run(PROJECT | USES_CARROT, *workers)
    assert outcomes(result) == {"passed": 14}, result.stdout


def test_a_module_of_the_name_of_ours_disturbs_no_test_that_needs_no_carrot(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = run(PROJECT | SHADOWS)
    assert outcomes(result) == {"passed": 2}, result.stdout


def test_where_a_module_hides_ours_each_test_that_needs_it_says_so_in_a_sentence(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    needing = {
        "tests/test_carrot.py": "def test_server(carrot): pass\ndef test_process(carrot_asgi): pass\n",
        "tests/test_fixtures.py": "def test_it(carrot_mass_id): assert carrot_mass_id().document\n",
    }
    result = run(PROJECT | SHADOWS | needing, "-rN")
    assert outcomes(result) == {"passed": 3, "errors": 2}, result.stdout
    hiding = tmp_path / "project" / "mock_server.py"
    sentence = f"The module mock_server is {hiding}, not Carrot Mock's, which the fixture needs: "
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
    assert "pytest_carrot" not in result.stdout
