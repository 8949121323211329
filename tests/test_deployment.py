"""Image, services and installation: what can be judged of them without building them."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def copied():
    """Return the sources of each COPY of the Dockerfile, in order."""
    return [line.split()[:-1] for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)]


def test_every_service_tells_whether_it_is_well_and_stays_what_it_was():
    assert set(SERVICES) == {"app", "database", "mlflow"}
    bases = [service["image"] for service in SERVICES.values() if service["image"] != "evalsuite"]
    bases += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for service in SERVICES.values():
        assert service["healthcheck"]["test"]
    for base in bases:
        assert re.search(r":\d+\.\d+(\.\d+)?-", base), f"{base} may change its version"
    assert re.search(r"useradd --uid \d+", DOCKERFILE)
    assert re.findall(r"^(USER|CMD) ", DOCKERFILE, re.MULTILINE) == ["USER", "CMD"]


def test_mlflow_asks_for_a_password_that_the_app_knows():
    server, app = SERVICES["mlflow"], SERVICES["app"]["environment"]
    assert "--app-name=basic-auth" in server["command"]
    for name in ("USERNAME", "PASSWORD"):
        asked = server["environment"][f"MLFLOW_AUTH_ADMIN_{name}"]
        assert app[f"MLFLOW_TRACKING_{name}"] == asked
    head = (ROOT / "compose.yaml").read_text().partition("\nservices:")[0]
    secrets = set(re.findall(r"\$\{(\w+):\?", str(SERVICES)))
    assert secrets == {"POSTGRES_PASSWORD", "MLFLOW_PASSWORD", "MLFLOW_SECRET"}
    for secret in secrets:
        assert secret in head


def test_compose_takes_the_file():
    docker = shutil.which("docker")
    has_compose = (
        docker
        and not subprocess.run(
            [docker, "compose", "version"], check=False, capture_output=True
        ).returncode
    )
    if has_compose:  # without, the two tests above are all there is
        values = {"POSTGRES_PASSWORD": "a", "MLFLOW_PASSWORD": "b", "MLFLOW_SECRET": "c"}
        subprocess.run(
            [docker, "compose", "--file", str(ROOT / "compose.yaml"), "config", "--quiet"],
            check=True, env={**os.environ, **values},
        )  # fmt: skip


def test_a_change_of_code_keeps_the_layer_of_dependencies():
    first, *others = copied()
    assert first == ["constraints.txt", "pyproject.toml"]
    assert DOCKERFILE.index("--requirement requirements.txt") < DOCKERFILE.index("COPY evalsuite")
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert let_in == {source for sources in (first, *others) for source in sources}
    assert "*" in ignored
    assert all((ROOT / source).exists() for source in let_in)


def test_the_dependencies_of_the_image_are_those_of_the_package(tmp_path):
    command = re.search(r'^RUN (python -c ".+?")\s', DOCKERFILE, re.MULTILINE | re.DOTALL).group(1)
    told = subprocess.run(
        ["sh", "-c", command.replace("\\\n", "")],
        check=True, capture_output=True, text=True, cwd=ROOT,
    ).stdout.splitlines()  # fmt: skip
    (dashboard,) = EXTRAS["dashboard"]
    assert dashboard.startswith("mlflow[auth]")
    assert dashboard in told
    for package in ("streamlit", "scipy", "matplotlib"):  # its reports need the latter two
        assert any(line.startswith(package) for line in told)
    assert any(line.startswith("SQLAlchemy>=") for line in told)
    assert not any(line.startswith("torch") for line in told)


def test_the_index_of_torch_is_a_variable():
    def commands(*variables):
        return subprocess.run(
            ["make", "--dry-run", "--always-make", ".venv/ready", *variables],
            check=True, capture_output=True, text=True, cwd=ROOT,
        ).stdout  # fmt: skip

    assert "--extra-index-url https://index.example/cpu" in commands(
        "TORCH_INDEX=https://index.example/cpu"
    )
    assert "index-url" not in commands()
