"""The files of an installation with containers."""

from pathlib import Path

from libs.stack.deployment import write_deployment
from libs.stack.permissions import SERVICES, databases, users


def test_gives_each_service_only_its_own_secrets_when_a_deployment_is_written(
    tmp_path: Path,
) -> None:
    write_deployment(tmp_path)
    for user in users(SERVICES):
        names = {path.name for path in (tmp_path / "secrets" / user).iterdir()}
        assert f"{user}.nats" in names
        others = {name for name in names if not name.startswith(f"{user}.")}
        assert others == {"web": {"gateway.cursor"}, "auth": {"persons.key"}}.get(user, set())


def test_makes_a_role_for_every_service_with_tables_when_a_deployment_is_written(
    tmp_path: Path,
) -> None:
    write_deployment(tmp_path)
    sql = (tmp_path / "postgres" / "10-backline.sql").read_text()
    for service in databases(SERVICES):
        assert f'CREATE ROLE "backline_{service}" LOGIN CREATEDB' in sql


def test_keeps_keys_and_passwords_when_a_deployment_is_written_again(tmp_path: Path) -> None:
    write_deployment(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_deployment(tmp_path)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
