import socket
from pathlib import Path

import pytest

from infra.local.processes import FREE_PORTS, LOOPBACK, free_port

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_free_port_is_given_once() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert all(port in FREE_PORTS for port in ports)


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux tells the range of its outgoing connections")
def test_no_outgoing_connection_takes_a_free_port() -> None:
    assert FREE_PORTS.stop <= int(OUTGOING.read_text().split()[0])


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        assert server.getsockname()[1] in FREE_PORTS
