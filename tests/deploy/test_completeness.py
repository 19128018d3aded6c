"""Every service is run: by `backline up`, and by a container of its own."""

from pathlib import Path

import yaml

from libs.chassis.cli.up import PROCESSES
from libs.stack.permissions import SERVICES

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())


def test_runs_every_service_when_backline_is_up() -> None:
    run = {spec.partition(".")[0] for group in PROCESSES for spec in group.split()}
    assert run == set(SERVICES)


def test_runs_every_part_when_backline_is_up() -> None:
    """A service that is run in parts has each of them in some process."""
    from libs.chassis.runner import load_app

    specs = {spec for group in PROCESSES for spec in group.split()}
    for service in SERVICES:
        if service not in specs:
            parts = {f"{service}.{part.name}" for part in load_app(service).parts}
            assert parts <= specs, service


def test_has_a_container_with_its_own_secrets_for_every_service() -> None:
    for service in SERVICES:
        container = COMPOSE["services"][service]
        assert container["command"] == ["run", service]
        assert container["volumes"] == [f"secrets-{service}:/run/secrets/backline:ro"]
        made = f"secrets-{service}:/deployment/secrets/{service}"
        assert made in COMPOSE["services"]["setup"]["volumes"]
        assert f"secrets-{service}" in COMPOSE["volumes"]
