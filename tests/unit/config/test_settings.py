from pathlib import Path

from sipedge.config import Settings
from sipedge.config.settings import HttpSettings, ProvisioningSettings, ScreenSettings


def test_the_control_socket_is_in_the_data_folder() -> None:
    assert Settings().edge.control_socket == Path("var/sipedge.sock")


def test_an_empty_listener_means_that_nothing_is_served() -> None:
    assert HttpSettings(listen="").listener is None
    assert ProvisioningSettings().listener is None
    provisioning = ProvisioningSettings(listen="127.0.0.1:8081").listener
    assert provisioning is not None
    assert provisioning.scheme == "https"


def test_trusted_sources_are_networks() -> None:
    (network,) = ScreenSettings(trusted=("192.0.2.0/24",)).networks
    assert network.num_addresses == 256
