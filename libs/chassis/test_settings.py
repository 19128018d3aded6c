"""Settings: what is read, what is refused, and what is never shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from libs.chassis.settings import (
    MASK,
    LocalSettings,
    ProcessSettings,
    Settings,
    SettingsInvalid,
    all_settings,
    refuse_unknown,
    setting,
)
from libs.chassis.settings_page import render_page


class ExampleSettings(Settings):
    prefix = "BACKLINE_EXAMPLE_"

    patience_seconds: float = setting(1.5, "How long we wait.", "seconds", gt=0)
    api_key: SecretStr = setting(SecretStr(""), "The key of the partner.")


def test_has_the_defaults_when_nothing_is_set() -> None:
    settings = ProcessSettings.load({})
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert settings.secrets is None


def test_reads_a_variable_when_it_is_set() -> None:
    settings = ProcessSettings.load({"BACKLINE_PORT": "9000", "BACKLINE_SECRETS": "/run/secrets"})
    assert settings.port == 9000
    assert settings.secrets == Path("/run/secrets")


def test_keeps_the_default_when_a_variable_is_empty() -> None:
    assert ProcessSettings.load({"BACKLINE_PORT": ""}).port == 8080


def test_names_every_wrong_variable_when_several_are() -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        ProcessSettings.load({"BACKLINE_PORT": "many", "BACKLINE_LOG_LEVEL": "loud"})
    assert "BACKLINE_PORT: Input should be a valid integer" in str(refusal.value)
    assert "BACKLINE_LOG_LEVEL: Input should be 'debug'" in str(refusal.value)
    assert "many" not in str(refusal.value)


def test_says_what_was_meant_when_a_variable_is_misspelt() -> None:
    with pytest.raises(SettingsInvalid, match="did you mean BACKLINE_NATS_URL"):
        refuse_unknown({"BACKLINE_NATS_URI": "nats://localhost", "HOME": "/root"})


def test_refuses_nothing_when_all_variables_are_settings() -> None:
    refuse_unknown({"BACKLINE_NATS_URL": "nats://localhost", "BACKLINE_DATA": "/tmp/data"})


def test_masks_secrets_when_described() -> None:
    settings = ExampleSettings.load({"BACKLINE_EXAMPLE_API_KEY": "hunter2"})
    shown = {variable.name: variable for variable in settings.describe()}
    assert shown["BACKLINE_EXAMPLE_API_KEY"].value == MASK
    assert shown["BACKLINE_EXAMPLE_PATIENCE_SECONDS"].unit == "seconds"
    assert "hunter2" not in repr(settings)


def test_masks_credentials_when_an_address_holds_some() -> None:
    settings = ProcessSettings.load({"BACKLINE_NATS_URL": "nats://me:hunter2@nats:4222"})
    shown = {variable.name: variable.value for variable in settings.describe()}
    assert shown["BACKLINE_NATS_URL"] == f"nats://{MASK}@nats:4222"


def test_every_setting_has_a_description_when_listed() -> None:
    classes = all_settings()
    assert ProcessSettings in classes
    assert LocalSettings in classes
    assert [cls.__name__ for cls in classes if cls is ExampleSettings] == []
    for cls in classes:
        for variable in cls.load({}).describe():
            assert variable.description, f"{variable.name} has no description"


def test_the_page_is_current_when_compared_with_the_settings() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == render_page(), "run: backline settings --markdown > docs/settings.md"
