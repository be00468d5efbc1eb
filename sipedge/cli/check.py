"""`check-config`: whether a configuration can be used, and what it means."""

import os
from pathlib import Path

from sipedge.cli.context import ConfigOption, JsonOption, load_offers
from sipedge.cli.output import EXIT_WRONG, print_error, print_json
from sipedge.config import (
    ConfigurationError,
    Settings,
    find_config_file,
    hide_url_password,
    load_settings,
)


def check_config(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Read the configuration and say what is wrong with it, one line for each mistake."""
    try:
        file = find_config_file(config, os.environ)
        settings = load_settings(file)
    except ConfigurationError as error:
        for problem in error.problems:
            print_error(str(problem))
        return EXIT_WRONG
    offers = load_offers(settings)
    emergency = settings.emergency.load_list()
    if as_json:
        print_json(_as_json(file, settings))
        return 0
    print(f"{file}: fine")
    print(f"listens on {', '.join(str(listen) for listen in settings.sip.listeners)}")
    print(f"domains {', '.join(settings.edge.domains)}; trunks {_trunks(settings)}")
    print(f"emergency numbers {len(emergency.numbers)}, as of {emergency.as_of}")
    print(f"offers {', '.join(offer.name for offer in offers.offers)}, version {offers.version}")
    for key in ("listen", "listen_plain"):
        if getattr(settings.provisioning, key):
            print(f"provisioning.{key} is accepted; this version serves nothing on it")
    return 0


def _trunks(settings: Settings) -> str:
    return ", ".join(trunk.name for trunk in settings.trunk) or "none"


def _as_json(file: Path, settings: Settings) -> dict[str, object]:
    """Show the settings in force, defaults included and passwords left out."""
    shown: dict[str, object] = settings.model_dump(mode="json")
    shown["database"] = {"url": hide_url_password(settings.database.url)}
    return {"file": str(file), "settings": shown}
