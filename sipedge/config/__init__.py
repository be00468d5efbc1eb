"""Configuration: one TOML file plus the environment, read into frozen settings, one per package."""

from sipedge.config.emergency import EmergencyList, EmergencyNumber
from sipedge.config.errors import ConfigurationError, Problem, hide_url_password
from sipedge.config.listen import Listen
from sipedge.config.reading import find_config_file, load_settings
from sipedge.config.settings import Settings, TrunkSettings

__all__ = [
    "ConfigurationError",
    "EmergencyList",
    "EmergencyNumber",
    "Listen",
    "Problem",
    "Settings",
    "TrunkSettings",
    "find_config_file",
    "hide_url_password",
    "load_settings",
]
